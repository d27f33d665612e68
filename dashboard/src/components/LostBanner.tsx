// Says when the connection is lost, of when the data is, and when it is tried again. It goes away by itself.
import { span } from '../lib/format';
import type { LinkState } from '../state/link';
import { useNow } from '../state/now';
import { Time } from './Time';

export function LostBanner({ link, onRetry }: { link: LinkState; onRetry: () => void }) {
  if (link.kind === 'lost') return <Lost link={link} onRetry={onRetry} />;
  if (link.kind === 'refused' && link.refusal && link.refusal.status !== 401) {
    return (
      <div className="banner is-warn" role="alert">
        <p>
          <strong>Not live.</strong> {link.refusal.detail} The page shows how things stood when it was loaded.
        </p>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  }
  return null;
}

function Lost({ link, onRetry }: { link: LinkState; onRetry: () => void }) {
  const now = useNow();
  const wait = link.retryAt === null ? 0 : Math.ceil((link.retryAt - now) / 1000);
  return (
    <div className="banner is-bad">
      <p role="alert">
        <strong>Connection lost,</strong> showing data of {link.since === null ? '–' : <Time ms={link.since} />}.
      </p>
      <p className="muted" aria-hidden="true">{wait > 0 ? `Trying again in ${span(wait)}` : 'Trying again …'}</p>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}
