// Whether what is shown is of now.
import type { LinkState } from '../state/link';

export function LinkPill({ link }: { link: LinkState }) {
  const words = { live: 'Live', connecting: 'Connecting …', lost: 'Not live', refused: 'No stream' };
  return (
    <span className={`pill is-${link.kind}`} role="status">
      <span className="pill-dot" aria-hidden="true" />
      {words[link.kind]}
    </span>
  );
}
