// The two versions side by side in this phase, as numbers: where a server streams no measurements over time.
import { count, millis, percent, decimal } from '../lib/format';
import type { Detail } from '../lib/types';

export function NowTable({ detail }: { detail: Detail }) {
  const canary = detail.currentPhase?.metrics;
  const stable = detail.currentPhase?.baseline;
  if (!canary) return null;
  const names = [...new Set([...Object.keys(detail.metrics.canary), ...Object.keys(detail.metrics.stable)])].sort();
  const rows: [string, string, string][] = [
    ['Requests', count(canary.requestsServed), count(stable?.requestsServed)],
    ['Error rate', percent(canary.errorRate), percent(stable?.errorRate)],
    ['Response time, mean', millis(canary.responseTime), millis(stable?.responseTime)],
    ['Satisfaction', decimal(canary.userSatisfaction), decimal(stable?.userSatisfaction)],
    ...names.map((name): [string, string, string] => [`${name}, mean`, decimal(detail.metrics.canary[name]?.mean, 2), decimal(detail.metrics.stable[name]?.mean, 2)]),
  ];
  return (
    <section className="panel scroll" aria-labelledby="now">
      <h2 id="now">In this phase</h2>
      <table>
        <thead>
          <tr><th scope="col">Measurement</th><th scope="col" className="number">Canary</th><th scope="col" className="number">Stable</th></tr>
        </thead>
        <tbody>
          {rows.map(([name, one, other]) => (
            <tr key={name}><th scope="row">{name}</th><td className="number">{one}</td><td className="number">{other}</td></tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
