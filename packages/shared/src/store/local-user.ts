/** The one user of an installation without accounts. Its row is made by the first migration. */
export const localUserId = '00000000-0000-7000-8000-000000000001';
