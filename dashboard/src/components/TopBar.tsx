// The head of every page: where one can go, whether data is live, time zone and colours.
import { zoneName } from '../lib/format';
import type { Route } from '../lib/route';
import { prefs, setTheme, setZone, type Theme } from '../state/prefs';
import { session, setToken } from '../state/session';
import { useStore } from '../state/store';
import type { LinkState } from '../state/link';
import { LinkPill } from './LinkPill';

const PAGES = [
  { href: '#/', page: 'overview', word: 'Rollouts' },
  { href: '#/releases', page: 'releases', word: 'Releases' },
  { href: '#/kpis', page: 'kpis', word: 'History & KPIs' },
  { href: '#/flags', page: 'flags', word: 'Flags' },
] as const;

const NEXT: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };
const THEME: Record<Theme, string> = { system: 'Auto', dark: 'Dark', light: 'Light' };

export function TopBar({ route, link }: { route: Route; link: LinkState }) {
  const { theme, zone } = useStore(prefs);
  const { token } = useStore(session);
  const at = route.page === 'rollout' ? 'overview' : route.page === 'release' ? 'releases' : route.page;
  const other = zone === 'local' ? 'UTC' : 'local';
  return (
    <header className="top">
      <a className="brand" href="#/" aria-label="FactoryWager, overview">
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
          <path className="brand-stable" d="M3 17h18" />
          <path className="brand-canary" d="M3 17c5 0 6-3 8.5-5.500S16 6 21 6" />
          <circle className="brand-dot" cx="21" cy="6" r="2" />
        </svg>
        <span>FactoryWager</span>
      </a>
      <nav aria-label="Pages">
        {PAGES.map(({ href, page, word }) => (
          <a key={page} href={href} aria-current={at === page ? 'page' : undefined}>
            {word}
          </a>
        ))}
      </nav>
      <div className="top-end">
        <LinkPill link={link} />
        <button type="button" className="quiet" onClick={() => setZone(other)} title={`Times are in ${zoneName(zone, Date.now())}. Show them in ${zoneName(other, Date.now())}.`}>
          <span className="sr">Time zone: </span>
          {zoneName(zone, Date.now())}
        </button>
        <button type="button" className="quiet" onClick={() => setTheme(NEXT[theme])} title={`Colours: ${THEME[theme]}. Change to ${THEME[NEXT[theme]]}.`}>
          <span className="sr">Colours: </span>
          <span className={`theme-mark is-${theme}`} aria-hidden="true" />
          {THEME[theme]}
        </button>
        {token !== null && (
          <button type="button" className="quiet" onClick={() => setToken(null)}>
            Forget token
          </button>
        )}
      </div>
    </header>
  );
}
