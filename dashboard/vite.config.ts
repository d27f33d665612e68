// How the page is built: one script, one style sheet, names that stay, so that the result can be compared byte by byte.
// `npm run dev` serves it with the API of a running `fw` behind it: FW_SERVER=http://127.0.0.1:3002 npm run dev
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const api = process.env['FW_SERVER'] ?? 'http://127.0.0.1:3002';

export default defineConfig({
  plugins: [react()],
  server: { proxy: Object.fromEntries(['/api', '/events', '/status', '/openapi.json', '/metrics'].map((path) => [path, api])) },
  build: {
    target: 'es2022',
    sourcemap: false,
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        assetFileNames: ({ names }) => (names.some((name) => name.endsWith('.woff2')) ? 'assets/inter.woff2' : 'assets/app.[ext]'),
        codeSplitting: false,
      },
    },
  },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.{ts,tsx}'] },
});
