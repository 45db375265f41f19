/** The routes of the API as its own OpenAPI document tells them, with a body that each of them takes. */
import type { Random } from './random.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly format?: string;
  readonly minimum?: number;
  readonly $ref?: string;
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface Route {
  readonly method: string;
  /** With its parameters as `{id}`. */
  readonly path: string;
  readonly queryNames: readonly string[];
  readonly body: Schema | null;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/** Reads them from a running API. Throws when it has no document. */
export async function readRoutes(base: string): Promise<readonly Route[]> {
  const response = await fetch(`${base}/docs/json`);
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => methods.includes(method))
      .map(([method, { parameters = [], requestBody }]) => ({
        method: method.toUpperCase(),
        path,
        queryNames: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
        body: requestBody?.content['application/json']?.schema ?? null,
      })),
  );
}

/** A value that the schema describes, more or less: what is attacked is then one thing at a time. */
export function sampleOf(schema: Schema, random: Random, name = ''): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.one(schema.enum);
  if (schema.anyOf) return sampleOf(random.one(schema.anyOf), random, name);
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  switch (type ?? 'string') {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {});
      return Object.fromEntries(fields.map(([field, of]) => [field, sampleOf(of, random, field)]));
    }
    case 'array':
      return schema.items ? [sampleOf(schema.items, random, name)] : [];
    case 'integer':
    case 'number':
      return schema.minimum !== undefined && schema.minimum > 0 ? schema.minimum : 1;
    case 'boolean':
      return random.chance(0.5);
    case 'null':
      return null;
    default:
      if (name === 'email') return `fuzz-${random.below(1_000_000)}@example.com`;
      if (name === 'text') return 'Which knot?';
      return schema.format === 'uuid' ? '0198ffff-ffff-7fff-bfff-ffffffffffff' : 'words';
  }
}

/** Names of the fields of a body, nested ones with dots. */
export function fieldsOf(body: unknown, before = ''): string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [];
  return Object.entries(body).flatMap(([name, value]) => [
    `${before}${name}`,
    ...fieldsOf(value, `${before}${name}.`),
  ]);
}

/** The same body with one field set to `value`, or without it when that is undefined. */
export function withField(body: unknown, field: string, value: unknown): Record<string, unknown> {
  const [name = '', ...rest] = field.split('.');
  const copy = { ...(body as Record<string, unknown>) };
  if (rest.length > 0) copy[name] = withField(copy[name], rest.join('.'), value);
  else if (value === undefined) delete copy[name];
  else Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}
