/** A client's graph as JSON text, in the order in which it was sent. */
export interface GraphText {
  readonly sha256: string;
  readonly text: string;
}
