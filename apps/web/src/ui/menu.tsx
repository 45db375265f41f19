/** A menu at a button. */
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';

let trigger: HTMLElement | null = null;

/** The button of the menu that was opened last: a dialog that was chosen from it gives the focus back there. */
export function lastTrigger(): HTMLElement | null {
  return trigger?.isConnected ? trigger : null;
}

export interface MenuProps {
  /** The button. */
  readonly children: ReactNode;
  readonly items: ReactNode;
  readonly align?: 'start' | 'end';
  readonly side?: 'top' | 'bottom';
  readonly testId?: string;
}

/** Not modal: that would lock the scrolling by a style element, which the content security policy refuses. */
export function Menu({ children, items, align = 'end', side = 'bottom', testId }: MenuProps): ReactNode {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger
        asChild
        onPointerDown={({ currentTarget }) => {
          trigger = currentTarget;
        }}
        onKeyDown={({ currentTarget }) => {
          trigger = currentTarget;
        }}
      >
        {children}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          loop
          data-testid={testId}
          className="rise z-50 max-h-(--radix-dropdown-menu-content-available-height) max-w-80 min-w-52 overflow-y-auto rounded-xl border border-line bg-raised p-1.5 shadow-float"
        >
          {items}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const itemShape =
  'flex w-full items-center gap-3 rounded-lg px-3 py-2 text-start text-[0.9375rem] leading-5 no-underline outline-none select-none data-highlighted:bg-hover data-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-faint pointer-coarse:py-2.5';

export interface ItemProps {
  readonly children: ReactNode;
  readonly onSelect?: () => void;
  readonly testId?: string;
  readonly isDangerous?: boolean;
  /** Where it leads, for what is a link. */
  readonly href?: string;
}

export function MenuItem({ children, onSelect, testId, isDangerous = false, href }: ItemProps): ReactNode {
  const className = `${itemShape} ${isDangerous ? 'text-bad [&_svg]:text-bad' : ''}`;
  if (href !== undefined) {
    return (
      <DropdownMenu.Item asChild>
        <a href={href} download className={className} data-testid={testId}>
          {children}
        </a>
      </DropdownMenu.Item>
    );
  }
  return (
    <DropdownMenu.Item className={className} data-testid={testId} {...(onSelect ? { onSelect } : {})}>
      {children}
    </DropdownMenu.Item>
  );
}

export function MenuChoice({
  value,
  onValue,
  choices,
  label,
}: {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly choices: readonly (readonly [value: string, label: string])[];
  readonly label: string;
}): ReactNode {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={onValue} aria-label={label}>
      {choices.map(([choice, text]) => (
        <DropdownMenu.RadioItem key={choice} value={choice} className={itemShape}>
          <span className="grid size-4 place-items-center">
            <DropdownMenu.ItemIndicator>
              <span className="block size-2 rounded-full bg-accent" />
            </DropdownMenu.ItemIndicator>
          </span>
          <span className="min-w-0 truncate">{text}</span>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export function MenuLine(): ReactNode {
  return <DropdownMenu.Separator className="mx-2 my-1.5 h-px bg-line" />;
}
