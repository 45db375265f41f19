/** Copies a text. Resolves to whether it worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    const { clipboard } = navigator as Partial<Navigator>;
    if (!clipboard) return copyByEvent(text);
    await clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Browsers give the clipboard to pages of HTTPS and of this machine only; others have the old way, for a click. */
function copyByEvent(text: string): boolean {
  const give = (event: ClipboardEvent) => {
    event.preventDefault();
    event.clipboardData?.setData('text/plain', text);
  };
  document.addEventListener('copy', give);
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', give);
  return isCopied;
}
