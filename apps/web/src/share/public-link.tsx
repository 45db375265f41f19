/** The link by which anyone can read the conversation. */
import { type ReactNode, useEffect, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { codeOf } from '../problems.ts';
import { client } from '../session/session.ts';
import { Section } from '../ui/field.tsx';
import type { Work } from '../ui/use-work.ts';
import { LinkField } from './link-field.tsx';

export function PublicLink({
  conversationId,
  run,
}: {
  readonly conversationId: string;
  readonly run: Work['run'];
}): ReactNode {
  const { share } = useWords();
  const [url, setUrl] = useState<string | null>(null);
  /** What somebody has just chosen; null: what is known. */
  const [wanted, setWanted] = useState<boolean | null>(null);
  // Until it is known: whoever was quick would turn on what they see as off and is on.
  const [isKnown, setKnown] = useState(false);

  useEffect(() => {
    void run(async (signal) => {
      try {
        const link = await client.publicLink(conversationId, { signal });
        setUrl(link.url);
      } catch (error) {
        if (codeOf(error) !== 'public_link_not_found') throw error;
      }
      setKnown(true);
    });
  }, [conversationId, run]);

  const change = async (isWanted: boolean) => {
    setKnown(false);
    setWanted(isWanted);
    await run(async (signal) => {
      if (isWanted) setUrl((await client.makePublic(conversationId, { signal })).url);
      else {
        await client.makePrivate(conversationId, { signal });
        setUrl(null);
      }
    });
    setWanted(null);
    setKnown(true);
  };
  return (
    <Section title={share.publicTitle}>
      <label className="flex items-center gap-3 text-[0.9375rem]">
        <input
          type="checkbox"
          data-testid="public"
          className="size-4.5 shrink-0"
          checked={wanted ?? url !== null}
          disabled={!isKnown}
          onChange={({ target }) => void change(target.checked)}
        />
        {share.publicHint}
      </label>
      {url !== null && <LinkField url={url} label={share.publicLink} testId="public" />}
    </Section>
  );
}
