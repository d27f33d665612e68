// How traffic is shared between the two versions now.
import { count, share } from '../lib/format';
import type { Detail } from '../lib/types';

export function ShareTile({ detail }: { detail: Detail }) {
  const units = detail.split?.canary ?? 0;
  const { users, state } = detail;
  return (
    <section className="tile" aria-label="Share of traffic">
      <h2>Canary's share</h2>
      <p className="big">{share(units)}</p>
      <div className="split" aria-hidden="true">
        <i className="split-canary" style={{ width: `${units / 1000}%` }} />
      </div>
      <p className="split-key">
        <span className="key-canary">{detail.versions.canary.version}</span>
        <span className="key-stable">{detail.versions.stable.version} {share(100_000 - units)}</span>
      </p>
      <p className="tile-foot muted">
        {count(state.totalRequests)} canary requests, {count(state.totalErrors)} failed
        {users.canary != null && <> · about {count(users.canary)} users</>}
        {!detail.confirmed && <> · not confirmed yet</>}
      </p>
    </section>
  );
}
