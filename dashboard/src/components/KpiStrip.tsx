// The KPIs of the last 30 days on the overview; nothing where the server has none, or nothing has ended yet.
import { useKpis } from '../state/kpis';
import { KpiTiles } from './KpiTiles';

export function KpiStrip() {
  const { kpis } = useKpis(30);
  if (!kpis || kpis.rollouts.ended === 0) return null;
  return (
    <section aria-labelledby="kpis">
      <div className="section-head">
        <h2 id="kpis">Last 30 days</h2>
        <a href="#/kpis">History & KPIs</a>
      </div>
      <KpiTiles kpis={kpis} />
    </section>
  );
}
