import {
  commaList,
  commonSettings,
  readSettings,
  SettingsError,
  setting,
  urlOf,
  wholeNumber,
} from '@holdfast/shared/settings.ts';
import { describe, expect, it } from 'vitest';
import { apiSettings, readApiConfig } from '../../apps/api/src/config.ts';
import { readWorkerConfig, workerSettings } from '../../apps/worker/src/config.ts';

const settings = {
  url: setting('DATABASE_URL', urlOf('postgres:', 'postgresql:'), undefined, 'd'),
  port: setting('PORT', wholeNumber(1, 65_535), '3000', 'd'),
  names: setting('NAMES', commaList, 'a,b', 'd'),
  level: commonSettings.logLevel,
};
const url = 'postgres://user:pw@127.0.0.1/db';

const faultOf = (env: NodeJS.ProcessEnv, of: Parameters<typeof readSettings>[0] = settings): string => {
  try {
    readSettings(of, env);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  throw new Error('the settings were taken');
};

describe('the settings', () => {
  it('are read, with the fallback for what is unset', () => {
    expect(readSettings(settings, { DATABASE_URL: url, NAMES: ' x, ,y ', LOG_LEVEL: 'warn' })).toEqual({
      url,
      port: 3000,
      names: ['x', 'y'],
      level: 'warn',
    });
  });

  it('count an empty variable as unset, as shells and compose files write "nothing"', () => {
    expect(readSettings(settings, { DATABASE_URL: url, PORT: '', NAMES: '', LOG_LEVEL: '' })).toMatchObject({
      port: 3000,
      names: ['a', 'b'],
      level: 'info',
    });
    expect(faultOf({ DATABASE_URL: '' })).toContain('DATABASE_URL is not set');
  });

  it('tell all their faults together, in one line', () => {
    const message = faultOf({ PORT: '70000', LOG_LEVEL: 'loud' });
    expect(message).toBe(
      'Wrong settings: DATABASE_URL is not set; PORT must be from 1 to 65535; ' +
        'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent.',
    );
  });

  it('never repeat a value, which may be a secret', () => {
    const canary = 'c4nary-s3cret';
    for (const env of [
      { DATABASE_URL: canary, PORT: canary, LOG_LEVEL: canary },
      { DATABASE_URL: `mysql://user:${canary}@127.0.0.1/db`, PORT: `3000 ${canary}` },
    ]) {
      expect(faultOf(env)).not.toContain(canary);
    }
    for (const of of [apiSettings, workerSettings]) {
      const everything = Object.values(of).map(({ name }) => [name, `\u0000${canary}`]);
      expect(faultOf(Object.fromEntries(everything), of)).not.toContain(canary);
    }
  });

  it.each(['-0.5', '1e3', '0x10', ' 5', '5 ', '1_000', 'NaN', 'Infinity', '5;', '٣', '9'.repeat(400)])(
    'take no "%s" for a whole number',
    (text) => {
      expect(wholeNumber(-10, 1_000_000).safeParse(text).success).toBe(false);
    },
  );

  it('know the ends of a range', () => {
    const range = wholeNumber(2, 5);
    const accepted = ['1', '2', '5', '6', '-2'].filter((text) => range.safeParse(text).success);
    expect(accepted).toEqual(['2', '5']);
  });

  it('take only URLs with the schemes that fit', () => {
    const redisUrl = urlOf('redis:', 'rediss:');
    const texts = ['redis://h', 'rediss://u:p@h:1/2', 'http://h', 'h:6379', '//h', 'javascript:alert(1)'];
    expect(texts.filter((text) => redisUrl.safeParse(text).success)).toEqual(texts.slice(0, 2));
  });
});

describe('the settings of the processes', () => {
  const needed = { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1' };

  it('need only the two stores', () => {
    expect(readApiConfig(needed)).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      corsOrigins: [],
      models: [],
    });
    expect(readWorkerConfig(needed)).toMatchObject({ organization: null, apiKey: 'none', leaseMs: 5_000 });
    for (const read of [readApiConfig, readWorkerConfig]) {
      expect(() => read({})).toThrow(/DATABASE_URL is not set; REDIS_URL is not set/);
    }
  });

  it('have fallbacks that they accept themselves', () => {
    for (const { name, schema, fallback } of [
      ...Object.values(apiSettings),
      ...Object.values(workerSettings),
    ]) {
      if (fallback !== undefined) expect(schema.safeParse(fallback).success, name).toBe(true);
    }
  });

  it('take only origins for CORS_ORIGINS', () => {
    const origins = (text: string) => () => readApiConfig({ ...needed, CORS_ORIGINS: text }).corsOrigins;
    expect(origins('https://a.example, http://b.example:8080')()).toEqual([
      'https://a.example',
      'http://b.example:8080',
    ]);
    expect(origins('none')()).toEqual([]);
    for (const wrong of ['*', 'a.example', 'https://a.example/', 'https://a.example/path', 'null']) {
      expect(origins(wrong), wrong).toThrow(/CORS_ORIGINS must be a list of origins/);
    }
  });
});
