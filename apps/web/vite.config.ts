import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { compress } from './compress.ts';

/** Where `npm start` puts the API. Vite reads no environment of ours, so another port goes here. */
const api = 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react(), tailwindcss(), compress()],
  // The worker that colours code fetches its languages one by one, which needs modules.
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    // The page is served under `default-src 'self'`, which allows neither data: addresses nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The parser of Markdown and React come with the first load; check-size.ts keeps watch on what they weigh.
    chunkSizeWarningLimit: 1_500,
    // `npm start` builds the page, and nobody who starts it asks which plugin took how long.
    rolldownOptions: { checks: { pluginTimings: false, bundlerTimings: false } },
  },
  server: {
    proxy: {
      '/api': {
        target: api,
        // The event streams are passed on as they come, piece by piece. Encoded ones would be collected first.
        headers: { 'accept-encoding': 'identity' },
        // A stream that the API has cut off must break here, too: else the page would take it for a silent one.
        configure(proxy) {
          proxy.on('proxyRes', (answer, _request, response) => {
            answer.on('close', () => {
              if (!answer.complete) response.destroy();
            });
          });
        },
      },
    },
  },
});
