// Which page a fragment of the address means, and back. `#/rollouts/search@eu-west-1` and so on.

export type Route =
  | { page: 'overview' }
  | { page: 'rollout'; name: string }
  | { page: 'release'; name: string }
  | { page: 'releases' }
  | { page: 'kpis' }
  | { page: 'flags' }
  | { page: 'unknown' };

/** The page of a fragment. */
export function routeOf(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/');
  const [first = '', second = ''] = parts;
  if (first === '' && parts.length === 1) return { page: 'overview' };
  if (first === 'rollouts' && parts.length === 2 && second !== '') return { page: 'rollout', name: decoded(second) };
  if (first === 'releases' && parts.length === 2 && second !== '') return { page: 'release', name: decoded(second) };
  if ((first === 'releases' || first === 'kpis' || first === 'flags') && parts.length === 1) return { page: first };
  return { page: 'unknown' };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a rollout's page; `@` and `.` stay readable. */
export const hrefOf = (name: string): string => `#/rollouts/${encodeURIComponent(name).replaceAll('%40', '@')}`;

/** The address of a release's page. */
export const releaseHref = (id: string): string => hrefOf(id).replace('#/rollouts/', '#/releases/');
