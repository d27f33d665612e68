// What the page in the browser has: the web SDK as an application bundles it. `browser.mjs` tells it what to do.
export { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
export { tracking } from './track.mjs';
export { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
