// Put in by build.mjs.
declare const MAP_WORKER_URL: string;
declare const MAP_CSS_URL: string;
declare module "*.css";
