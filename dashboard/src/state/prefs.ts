// What the viewer chose: colours and time zone. Kept in localStorage; without it the choice lasts as long as the page.
import type { Zone } from '../lib/format';
import { Store } from './store';

export type Theme = 'system' | 'light' | 'dark';

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Closed to us.
  }
}

const theme = kept('fw.theme');
export const prefs = new Store<{ theme: Theme; zone: Zone }>({
  theme: theme === 'light' || theme === 'dark' ? theme : 'system',
  zone: kept('fw.zone') === 'UTC' ? 'UTC' : 'local',
});

function apply(theme: Theme) {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

apply(prefs.get().theme);

export function setTheme(theme: Theme): void {
  keep('fw.theme', theme);
  apply(theme);
  prefs.setNow({ ...prefs.get(), theme });
}

export function setZone(zone: Zone): void {
  keep('fw.zone', zone);
  prefs.setNow({ ...prefs.get(), zone });
}
