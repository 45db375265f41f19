/** What somebody has chosen for this browser. Without a storage the choice holds until the next reload. */

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

type Preference = 'theme' | 'language' | 'sidebar';

export function readPreference(name: Preference): string | null {
  try {
    return localStorage.getItem(`holdfast:${name}`);
  } catch {
    return null;
  }
}

/** Null forgets it. */
export function writePreference(name: Preference, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`holdfast:${name}`);
    else localStorage.setItem(`holdfast:${name}`, value);
  } catch {}
}

export function readTheme(): Theme {
  return themes.find((theme) => theme === readPreference('theme')) ?? 'system';
}

/** public/theme.js does the same at the next load, before anything is painted. */
export function applyTheme(theme: Theme): void {
  writePreference('theme', theme === 'system' ? null : theme);
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
}
