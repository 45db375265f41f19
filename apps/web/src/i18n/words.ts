/** What a language file has to say. English is the form of all of them, so that none can lack a sentence. */
import type { en } from './en.ts';

export type Words = typeof en;

/** The languages of the interface, by their BCP 47 tags. */
export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];
