// The health score with its interval and its three parts.
import { decimal } from '../lib/format';
import { healthColour } from '../lib/words';
import type { Detail } from '../lib/types';

export function HealthTile({ detail }: { detail: Detail }) {
  const { health, healthInterval: interval, healthParts: parts } = detail;
  const rows = parts ? ([['Errors', parts.errors, '40 %'], ['Response', parts.response, '30 %'], ['Satisfaction', parts.satisfaction, '30 %']] as const) : [];
  return (
    <section className="tile" aria-label="Health">
      <h2>Health</h2>
      <p className="big">
        <span className={`is-${healthColour(health)}`}>{decimal(health, 1)}</span>
        <small> of 100</small>
      </p>
      <div className="range" aria-hidden="true">
        {interval && <i className="range-band" style={{ left: `${interval.low}%`, right: `${100 - interval.high}%` }} />}
        {health != null && <i className="range-point" style={{ left: `${health}%` }} />}
      </div>
      <p className="muted tile-line">
        {interval ? `${decimal(interval.low)} to ${decimal(interval.high)} at every look (${decimal(100 * interval.level, 0)} %)` : 'No interval yet'}
      </p>
      {parts ? (
        <dl className="parts">
          {rows.map(([name, value, weight]) => (
            <div key={name}>
              <dt>{name} <span className="muted">{weight}</span></dt>
              <dd>{decimal(value)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className="muted tile-foot">No score without a request.</p>
      )}
    </section>
  );
}
