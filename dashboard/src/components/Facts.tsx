// What identifies a run, for logs and for whoever asks: its plan, its split, who confirms it.
import { count } from '../lib/format';
import type { Detail } from '../lib/types';

export function Facts({ detail }: { detail: Detail }) {
  const rows: [string, string][] = [
    ['Run', detail.run ?? '–'],
    ['Router', detail.router],
    ['Epoch of the split', `${count(detail.split?.epoch)}${detail.confirmed ? ', confirmed' : ', not confirmed yet'}`],
    ['Data planes', count(detail.dataPlanes.length)],
    ['Different users', detail.users.canary == null && detail.users.stable == null ? 'not known: requests have no key' : `canary about ${count(detail.users.canary)}, stable about ${count(detail.users.stable)}`],
    ['Plan', detail.planHash],
    ['Salt', detail.salt],
  ];
  return (
    <section className="panel" aria-labelledby="facts">
      <h2 id="facts">About this run</h2>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
        ))}
      </dl>
    </section>
  );
}
