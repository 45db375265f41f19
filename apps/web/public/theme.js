// Light or dark as somebody has chosen; without a choice the system decides (see src/preferences.ts).
try {
  const theme = localStorage.getItem('holdfast:theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {}
