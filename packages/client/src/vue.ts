/** Vue bindings: the chat and the list as composables. */
export type {} from './store.ts';
