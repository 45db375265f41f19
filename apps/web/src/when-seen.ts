/**
 * Does the work now if somebody looks at the page, or once when somebody does: ten tabs that all read everything again at
 * each event would use up what a user may ask.
 */
export function whenSeen(work: () => void): () => void {
  let isOwed = false;
  document.addEventListener('visibilitychange', () => {
    if (!isOwed || document.visibilityState === 'hidden') return;
    isOwed = false;
    work();
  });
  return () => {
    if (document.visibilityState === 'hidden') isOwed = true;
    else work();
  };
}
