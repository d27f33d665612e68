// The four KPIs as tiles: success rate, time to 100 %, user impact, recovery time. Without data they say so.
import { count, decimal, millis, percent, span } from '../lib/format';
import type { Kpis } from '../lib/types';

export function KpiTiles({ kpis }: { kpis: Kpis }) {
  const { successRate, timeTo100, userImpact, recovery } = kpis;
  return (
    <div className="tiles">
      <section className="tile" aria-label="Success rate">
        <h2>Success rate</h2>
        <p className="big">{percent(successRate.percent)}</p>
        <p className="muted tile-line">
          {successRate.of === 0 ? 'No rollout has ended yet.' : `of ${count(successRate.of)} that ended, without a rollback${successRate.low == null ? '' : `; interval ${decimal(successRate.low)} to ${decimal(successRate.high)}\u00a0%`}`}
        </p>
      </section>
      <section className="tile" aria-label="Time to 100 %">
        <h2>Time to 100 %</h2>
        <p className="big">{span(timeTo100.medianSeconds)}</p>
        <p className="muted tile-line">{timeTo100.of === 0 ? 'No rollout has reached it yet.' : `median of ${count(timeTo100.of)}; mean ${span(timeTo100.meanSeconds)}`}</p>
      </section>
      <section className="tile" aria-label="User impact">
        <h2>Failed canary requests</h2>
        <p className="big">{count(userImpact.failedRequests)}</p>
        <p className="muted tile-line">
          of {count(userImpact.canaryRequests)}
          {userImpact.affectedUsersAtMost != null && `; at most ${count(userImpact.affectedUsersAtMost)} users affected`}
          {userImpact.exposedUsers != null && ` of about ${count(userImpact.exposedUsers)} exposed`}
        </p>
      </section>
      <section className="tile" aria-label="Recovery time">
        <h2>Recovery time</h2>
        <p className="big">{millis(recovery.medianMs)}</p>
        <p className="muted tile-line">{recovery.of === 0 ? 'No rollback yet.' : `median of ${count(recovery.of)} rollbacks; slowest ${millis(recovery.slowestMs)}`}</p>
      </section>
    </div>
  );
}
