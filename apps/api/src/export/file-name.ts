/** Characters of a name; file systems take 255 bytes. */
const nameCharsMax = 60;

/** What no file system wants in a name, what turns the direction of writing around, and half characters. */
const unwanted = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\:*?"<>|]+/gu;

/**
 * The `Content-Disposition` that has a download saved under the title of its conversation (RFC 6266): in ASCII for old
 * clients, and whole for all others.
 */
export function attachment(title: string | null, extension: string): string {
  const cleaned = (title ?? '')
    .replace(unwanted, ' ')
    .replace(/\s+/gu, ' ')
    .replace(/^[ .]+/, '');
  const name = [...cleaned].slice(0, nameCharsMax).join('').trim() || 'conversation';
  const ascii = name.replace(/[^\x20-\x7e]/g, '_').replaceAll('%', '_');
  return `attachment; filename="${ascii}.${extension}"; filename*=UTF-8''${encode(name)}.${extension}`;
}

/** "attr-char" of RFC 5987, section 3.2.1, has no ' ( ) *, which `encodeURIComponent` leaves as they are. */
function encode(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
