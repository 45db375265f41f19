import { type ComponentProps, type ReactNode, useId } from 'react';

export const fieldShape =
  'w-full min-w-0 rounded-xl border border-strong-line/60 bg-ground px-3.5 py-2 text-base leading-6 outline-offset-0 transition-colors focus:border-accent sm:text-[0.9375rem] disabled:opacity-60';

export interface FieldProps extends ComponentProps<'input'> {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly testId?: string;
}

/** A field with its name above it. */
export function Field({ label, hint, testId, ...props }: FieldProps): ReactNode {
  const id = useId();
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-sm text-soft">
        {label}
      </label>
      <input
        id={id}
        data-testid={testId}
        className={fieldShape}
        aria-describedby={hint ? `${id}-hint` : undefined}
        {...props}
      />
      {hint && (
        <p id={`${id}-hint`} className="text-[0.8125rem] text-faint">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A choice among a few, by the browser's own list: phones show it best. */
export function Choice({
  label,
  value,
  onValue,
  choices,
  testId,
  isLabelHidden = false,
  disabled = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly choices: readonly (readonly [value: string, label: string])[];
  readonly testId?: string;
  readonly isLabelHidden?: boolean;
  readonly disabled?: boolean;
}): ReactNode {
  const id = useId();
  return (
    <div className="grid min-w-0 gap-1">
      <label htmlFor={id} className={isLabelHidden ? 'sr-only' : 'text-sm text-soft'}>
        {label}
      </label>
      <select
        id={id}
        data-testid={testId}
        className={fieldShape}
        value={value}
        disabled={disabled}
        onChange={({ target }) => onValue(target.value)}
      >
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** What went wrong, told at once. */
export function Problem({
  children,
  testId,
}: {
  readonly children: ReactNode;
  readonly testId?: string;
}): ReactNode {
  if (!children) return null;
  return (
    <p
      role="alert"
      data-testid={testId}
      className="rounded-xl bg-bad-tint px-3.5 py-2 text-[0.9375rem] text-bad"
    >
      {children}
    </p>
  );
}

/** A heading with what belongs to it, within a dialog. */
export function Section({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <section className="mt-6 grid gap-2.5 first:mt-0">
      <h3 className="font-semibold">{title}</h3>
      {children}
    </section>
  );
}
