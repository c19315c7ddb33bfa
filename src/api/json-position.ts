/** Where a text stops being JSON; V8's own messages name the place only sometimes and quote the input. */

const TOKEN =
  /[ \t\r\n]*(?:([{}[\],:])|("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/y;

type Expected = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'commaOrEnd' | 'nothing';

/** Offset of the first character that cannot stand there; the length of the text when it ends too early. */
export function jsonErrorOffset(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  TOKEN.lastIndex = 0;
  for (;;) {
    const start = skipSpace(text, TOKEN.lastIndex);
    const match = TOKEN.exec(text);
    if (!match) return start;
    const [, mark, string] = match;
    const next = step(expected, mark, string !== undefined, open);
    if (next === undefined) return start;
    expected = next;
  }
}

function step(
  expected: Expected,
  mark: string | undefined,
  isString: boolean,
  open: ('{' | '[')[],
): Expected | undefined {
  const afterValue = (): Expected => (open.length > 0 ? 'commaOrEnd' : 'nothing');
  const close = (kind: '{' | '['): Expected | undefined =>
    open.pop() === kind ? afterValue() : undefined;
  switch (expected) {
    case 'value':
    case 'valueOrEnd':
      if (mark === undefined) return afterValue();
      if (mark === '{' || mark === '[') {
        open.push(mark);
        return mark === '{' ? 'keyOrEnd' : 'valueOrEnd';
      }
      return mark === ']' && expected === 'valueOrEnd' ? close('[') : undefined;
    case 'key':
    case 'keyOrEnd':
      if (isString) return 'colon';
      return mark === '}' && expected === 'keyOrEnd' ? close('{') : undefined;
    case 'colon':
      return mark === ':' ? 'value' : undefined;
    case 'commaOrEnd':
      if (mark === ',') return open.at(-1) === '{' ? 'key' : 'value';
      if (mark === '}') return close('{');
      return mark === ']' ? close('[') : undefined;
    case 'nothing':
      return undefined;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at += 1;
  return at;
}
