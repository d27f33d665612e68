// A time in the zone that the viewer chose; the whole of it, with its zone, is in the title.
import { clock, dayTime, fullTime } from '../lib/format';
import { useStore } from '../state/store';
import { prefs } from '../state/prefs';

export function Time({ ms, day = false }: { ms: number; day?: boolean }) {
  const { zone } = useStore(prefs);
  if (!Number.isFinite(ms)) return <>–</>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={fullTime(ms, zone)}>
      {day ? dayTime(ms, zone, Date.now()) : clock(ms, zone)}
    </time>
  );
}
