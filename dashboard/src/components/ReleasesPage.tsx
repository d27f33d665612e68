// All releases, newest first: what, where to, how risky, where it is, who began it, and what it waits for.
import { count } from '../lib/format';
import { releaseHref } from '../lib/route';
import { isOpen, releaseStanding, type ReleaseSummary } from '../lib/releases';
import { usePolled } from '../state/releases';
import { Chip } from './Chip';
import { Empty } from './Empty';
import { Time } from './Time';

interface List {
  releases: ReleaseSummary[];
}

const anyOpen = (list: List): boolean => list.releases.some(isOpen);

export function ReleasesPage() {
  const [{ value, error }] = usePolled<List>('/api/v1/releases', anyOpen);
  return (
    <>
      <div className="head"><h1>Releases</h1></div>
      {error && <p className="refusal" role="alert">{error.message}</p>}
      {!value && !error && <p className="muted pad" role="status">Loading releases …</p>}
      {value && value.releases.length === 0 && (
        <Empty title="No releases yet">
          <p>A release checks, asks, deploys, rolls out and verifies a version. Begin one in a terminal:</p>
          <pre tabIndex={0}><code>fw release start</code></pre>
        </Empty>
      )}
      {value && value.releases.length > 0 && (
        <section className="panel scroll" aria-label="Releases" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Release</th><th scope="col">Versions</th><th scope="col">Environment</th><th scope="col">Strategy</th><th scope="col" className="number">Risk</th>
                <th scope="col">How it stands</th><th scope="col">Step</th><th scope="col">By</th><th scope="col">Started</th><th scope="col">What it waits for</th>
              </tr>
            </thead>
            <tbody>{value.releases.map((release) => <Row key={release.id} release={release} />)}</tbody>
          </table>
        </section>
      )}
    </>
  );
}

function Row({ release }: { release: ReleaseSummary }) {
  return (
    <tr>
      <th scope="row"><a href={releaseHref(release.id)}>{release.id}</a></th>
      <td className="versions">{release.versions.stable} → {release.versions.canary}</td>
      <td>{release.environment ?? '–'}</td>
      <td>{release.strategy}</td>
      <td className="number">{release.risk === null ? '–' : count(Math.round(release.risk))}</td>
      <td><Chip {...releaseStanding(release)} /></td>
      <td>{release.step}</td>
      <td>{release.actor}</td>
      <td><Time ms={Date.parse(release.startedAt)} day /></td>
      <td>{release.waitingOn.map((one) => one.text).join('; ') || release.why || '–'}</td>
    </tr>
  );
}
