/**
 * What `promise` gives, unless that takes longer than `ms`: then throws `<what> within <ms> ms`, or the error that `what`
 * makes. The work itself goes on.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  what: string | (() => Error),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(typeof what === 'string' ? new Error(`${what} within ${ms} ms`) : what()),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
