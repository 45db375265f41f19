import { defineConfig } from 'vite';

/** Where `npm start` puts the API. */
const api = 'http://127.0.0.1:3000';

export default defineConfig({
  build: {
    outDir: 'dist',
    // The page is served under `default-src 'self'`, which allows neither data: addresses nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // Passed on as it comes, piece by piece: nothing here compresses or collects the event streams.
    proxy: { '/api': { target: api } },
  },
});
