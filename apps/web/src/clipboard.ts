/** Copies a text and says so on the button. Resolves to whether it worked. */
export async function copyText(text: string, button: HTMLButtonElement): Promise<boolean> {
  try {
    await writeText(text);
  } catch {
    return false;
  }
  const { textContent } = button;
  if (textContent !== saidMark) {
    button.textContent = saidMark;
    setTimeout(() => {
      button.textContent = textContent;
    }, 2_000);
  }
  return true;
}

const saidMark = 'Copied';

/** Browsers give the clipboard to pages of HTTPS and of this machine only; others have the old way, for a click. */
async function writeText(text: string): Promise<void> {
  const { clipboard } = navigator as Partial<Navigator>;
  if (clipboard) {
    await clipboard.writeText(text);
    return;
  }
  const give = (event: ClipboardEvent) => {
    event.preventDefault();
    event.clipboardData?.setData('text/plain', text);
  };
  document.addEventListener('copy', give);
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', give);
  if (!isCopied) throw new Error('the browser does not copy');
}
