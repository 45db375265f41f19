/** The words of the interface, in the language that somebody has chosen or their browser asks for. */
import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import { readPreference, writePreference } from '../preferences.ts';
import { en } from './en.ts';
import { type Language, languages, type Words } from './words.ts';

interface Spoken {
  readonly language: Language;
  readonly words: Words;
  readonly setLanguage: (language: Language) => void;
}

const LanguageContext = createContext<Spoken>({ language: 'en', words: en, setLanguage() {} });

/** The language that was chosen; else the first one of the browser's that there is. */
function chosenLanguage(): Language {
  const wanted = [readPreference('language') ?? '', ...navigator.languages];
  for (const tag of wanted) {
    const known = languages.find((language) => tag === language || tag.startsWith(`${language}-`));
    if (known) return known;
  }
  return 'en';
}

/** English is always there; another language comes when it is wanted. */
async function load(language: Language): Promise<Words> {
  return language === 'zh' ? (await import('./zh.ts')).zh : en;
}

/** Speaks the chosen language to everything in it; shows nothing until that language has come. */
export function LanguageProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState(chosenLanguage);
  const [words, setWords] = useState<Words | null>(language === 'en' ? en : null);

  useEffect(() => {
    let isWanted = true;
    void load(language)
      // Without the file, in a tunnel, English is better than nothing.
      .catch(() => en)
      .then((loaded) => {
        if (!isWanted) return;
        document.documentElement.lang = language === 'zh' ? 'zh-CN' : language;
        setWords(loaded);
      });
    return () => {
      isWanted = false;
    };
  }, [language]);

  if (!words) return null;
  const choose = (now: Language) => {
    writePreference('language', now);
    setLanguage(now);
  };
  return <LanguageContext value={{ language, words, setLanguage: choose }}>{children}</LanguageContext>;
}

export function useWords(): Words {
  return use(LanguageContext).words;
}

export function useLanguage(): Spoken {
  return use(LanguageContext);
}
