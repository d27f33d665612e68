// The whole page: the head, the page that the address names, and the question for a token.
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { routeOf } from './lib/route';
import { fleet, retryFleet, startFleet } from './state/fleet';
import { useStore } from './state/store';
import { Empty } from './components/Empty';
import { FlagsPage } from './components/FlagsPage';
import { KpiPage } from './components/KpiPage';
import { LostBanner } from './components/LostBanner';
import { Overview } from './components/Overview';
import { ReleasePage } from './components/ReleasePage';
import { ReleasesPage } from './components/ReleasesPage';
import { RolloutPage } from './components/RolloutPage';
import { TokenDialog } from './components/TokenDialog';
import { TopBar } from './components/TopBar';

const followHash = (follower: () => void) => {
  window.addEventListener('hashchange', follower);
  return () => window.removeEventListener('hashchange', follower);
};

const TITLES = { overview: 'Rollouts', rollout: 'Rollout', release: 'Release', releases: 'Releases', kpis: 'History and KPIs', flags: 'Flags', unknown: 'Not found' };

export function App() {
  const hash = useSyncExternalStore(followHash, () => location.hash);
  const { link } = useStore(fleet);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const route = routeOf(hash);
  useEffect(startFleet, []);
  useEffect(() => {
    document.title = `${route.page === 'rollout' || route.page === 'release' ? route.name : TITLES[route.page]} · FactoryWager`;
    // Whoever goes to another page begins at its top, also with a screen reader.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
    window.scrollTo(0, 0);
  }, [hash]);
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        To the content
      </a>
      <TopBar route={route} link={link} />
      <main ref={main} id="main" tabIndex={-1}>
        {route.page !== 'rollout' && <LostBanner link={link} onRetry={retryFleet} />}
        {route.page === 'overview' && <Overview />}
        {route.page === 'rollout' && <RolloutPage key={route.name} name={route.name} />}
        {route.page === 'releases' && <ReleasesPage />}
        {route.page === 'release' && <ReleasePage key={route.name} id={route.name} />}
        {route.page === 'kpis' && <KpiPage />}
        {route.page === 'flags' && <FlagsPage />}
        {route.page === 'unknown' && (
          <Empty title="There is no such page">
            <p><a href="#/">All rollouts</a></p>
          </Empty>
        )}
      </main>
      <TokenDialog />
    </>
  );
}
