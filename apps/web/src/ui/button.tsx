/** Buttons: with words, and with a picture alone, which then has a name. */
import type { ComponentProps, ReactNode } from 'react';

const kinds = {
  primary: 'bg-accent text-on-accent hover:bg-accent-hover',
  secondary: 'border border-line bg-raised hover:bg-hover',
  quiet: 'text-soft hover:bg-hover hover:text-ink',
  danger: 'bg-bad text-on-bad hover:opacity-90',
} as const;

const shape =
  'inline-flex items-center justify-center gap-2 rounded-xl px-4 py-2 text-[0.9375rem] leading-6 font-medium no-underline transition-colors disabled:opacity-50';

export interface ButtonProps extends ComponentProps<'button'> {
  readonly kind?: keyof typeof kinds;
  readonly testId?: string | undefined;
}

export function Button({ kind = 'secondary', testId, className = '', ...props }: ButtonProps): ReactNode {
  return (
    <button
      type="button"
      data-testid={testId}
      className={`${shape} ${kinds[kind]} ${className}`}
      {...props}
    />
  );
}

export function LinkButton({
  href,
  children,
  testId,
}: {
  readonly href: string;
  readonly children: ReactNode;
  readonly testId?: string;
}): ReactNode {
  return (
    <a href={href} data-testid={testId} className={`${shape} ${kinds.secondary}`}>
      {children}
    </a>
  );
}

export interface IconButtonProps extends ComponentProps<'button'> {
  /** What a screen reader says, and what is shown to whoever waits over it. */
  readonly label: string;
  readonly testId?: string | undefined;
  readonly size?: 'small' | 'large';
}

/** As large as a finger where there is one. */
export function IconButton({
  label,
  testId,
  size = 'large',
  className = '',
  ...props
}: IconButtonProps): ReactNode {
  const box = size === 'large' ? 'size-9 pointer-coarse:size-10' : 'size-7.5 pointer-coarse:size-9';
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      data-testid={testId}
      className={`inline-grid shrink-0 place-items-center rounded-lg text-faint transition-colors hover:bg-hover hover:text-ink disabled:opacity-50 aria-expanded:bg-hover aria-expanded:text-ink [&_svg]:size-[1.125rem] ${box} ${className}`}
      {...props}
    />
  );
}
