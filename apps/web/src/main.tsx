/** The page. */
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { LanguageProvider } from './i18n/language.tsx';
import { made } from './kept.ts';
import { findOut } from './session/session.ts';
import { Fallible } from './ui/fallible.tsx';

made.recall();
void findOut();
const root = document.getElementById('root');
if (!root) throw new Error('the page has no place for its content');
createRoot(root).render(
  <LanguageProvider>
    <Fallible>
      <App />
    </Fallible>
  </LanguageProvider>,
);
