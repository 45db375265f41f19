/** Style sheets that are loaded when they are needed; Vite takes care of them. */
declare module '*.css';
