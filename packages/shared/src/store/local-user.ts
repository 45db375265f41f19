/**
 * Whose the conversations are that were made before there were accounts. Its row is made by the first migration; nobody
 * can log in as it, and the first account that registers takes it over.
 */
export const localUserId = '00000000-0000-7000-8000-000000000001';
