import { argon2Sync } from 'node:crypto';
import { createPasswords, hashCost } from '@holdfast/shared/password.ts';
import { describe, expect, it } from 'vitest';

const cheap = { memoryKib: 64, passes: 1, parallelism: 1 };

describe('a password', () => {
  it('is right against its own hash only', async () => {
    const passwords = createPasswords(cheap);
    const stored = await passwords.hash('correct horse');
    expect(await passwords.verify('correct horse', stored)).toBe(true);
    for (const wrong of ['correct horsf', 'correct hors', 'correct horse ', 'Correct horse', '']) {
      expect(await passwords.verify(wrong, stored), wrong).toBe(false);
    }
    expect(await passwords.hash('correct horse')).not.toBe(stored);
  });

  it('is hashed with Argon2id, and whoever reads the format comes to the same', async () => {
    const stored = await createPasswords().hash('pässword');
    const [, algorithm, version, parameters, salt = '', hash] = stored.split('$');
    expect([algorithm, version, parameters]).toEqual(['argon2id', 'v=19', 'm=19456,t=2,p=1']);
    const again = argon2Sync('argon2id', {
      message: 'pässword',
      nonce: Buffer.from(salt, 'base64'),
      memory: 19_456,
      passes: 2,
      parallelism: 1,
      tagLength: 32,
    });
    expect(again.toString('base64').replaceAll('=', '')).toBe(hash);
  });

  it('that was hashed at another cost is still right, and known to be outdated', async () => {
    const stored = await createPasswords(cheap).hash('secret words');
    const passwords = createPasswords();
    expect(await passwords.verify('secret words', stored)).toBe(true);
    expect(await passwords.verify('secret word', stored)).toBe(false);
    expect(passwords.isOutdated(stored)).toBe(true);
    for (const cost of [
      { ...cheap, memoryKib: 128 },
      { ...cheap, passes: 2 },
      { ...cheap, parallelism: 2 },
    ]) {
      expect(createPasswords(cost).isOutdated(stored)).toBe(true);
    }
    expect(createPasswords(cheap).isOutdated(stored)).toBe(false);
    expect(hashCost).toEqual({ memoryKib: 19_456, passes: 2, parallelism: 1 });
  });

  it('is never right where no hash is stored, and a broken one is a fault', async () => {
    const passwords = createPasswords(cheap);
    expect(await passwords.verify('secret words', null)).toBe(false);
    for (const broken of ['', 'secret words', '$2b$10$abc', '$argon2id$v=19$m=64,t=1,p=1$$']) {
      await expect(passwords.verify('secret words', broken)).rejects.toThrow('not in PHC format');
    }
  });
});

describe('the gate before the hashes', () => {
  it('lets a hundred wait and refuses more, also those for accounts that do not exist', async () => {
    const passwords = createPasswords(cheap);
    const admitted = Array.from({ length: 102 }, () => passwords.verify('secret words', null));
    await expect(passwords.verify('secret words', null)).rejects.toMatchObject({ code: 'overloaded' });
    await expect(passwords.hash('secret words')).rejects.toMatchObject({ code: 'overloaded' });
    expect(new Set(await Promise.all(admitted))).toEqual(new Set([false]));
    // All places are free again.
    const next = Array.from({ length: 102 }, () => passwords.hash('secret words'));
    expect(await Promise.all(next)).toHaveLength(102);
  });

  it('is not held by a hash that fails', async () => {
    const passwords = createPasswords(cheap);
    const impossible = '$argon2id$v=19$m=1,t=1,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    for (let tries = 0; tries < 10; tries++) {
      await expect(passwords.verify('secret words', impossible)).rejects.toThrow();
    }
    expect(await passwords.verify('secret words', await passwords.hash('secret words'))).toBe(true);
  });
});
