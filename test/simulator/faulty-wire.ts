import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay before a ComfyUI server that can be told to misbehave. */
export interface FaultyWire {
  readonly url: string;
  /** WebSocket connections made through it so far. */
  socketsSeen(): number;
  /** Cuts every WebSocket. */
  dropSockets(): void;
  /** From now on nothing comes down the present WebSockets, while they stay open. */
  muteSockets(): void;
  refuseSockets(refused: boolean): void;
  /** The next request whose head starts so is delivered, but its answer is cut. */
  loseAnswerTo(head: string): void;
  close(): Promise<void>;
}

interface Wire {
  readonly down: Socket;
  readonly up: Socket;
  webSocket: boolean;
  muted: boolean;
  losing: boolean;
}

export const createFaultyWire = async (target: string): Promise<FaultyWire> => {
  const { hostname, port } = new URL(target);
  const wires = new Set<Wire>();
  let seen = 0;
  let refused = false;
  let lost: string | undefined;

  const cut = (wire: Wire): void => {
    wire.down.destroy();
    wire.up.destroy();
    wires.delete(wire);
  };

  const relay = (wire: Wire): void => {
    wire.down.on('data', (chunk) => {
      const head = chunk.toString('latin1', 0, 64);
      if (head.startsWith('GET /ws')) {
        if (refused) return cut(wire);
        wire.webSocket = true;
        seen += 1;
      }
      if (lost !== undefined && head.startsWith(lost)) {
        lost = undefined;
        wire.losing = true;
      }
      wire.up.write(chunk);
    });
    wire.up.on('data', (chunk) => {
      if (wire.losing) cut(wire);
      else if (!wire.muted) wire.down.write(chunk);
    });
    for (const socket of [wire.down, wire.up]) {
      socket.on('error', () => cut(wire));
      socket.on('close', () => cut(wire));
    }
  };

  const server = createServer((down) => {
    const up = connect(Number(port), hostname);
    const wire: Wire = { down, up, webSocket: false, muted: false, losing: false };
    wires.add(wire);
    relay(wire);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = (): Wire[] => [...wires].filter((wire) => wire.webSocket);

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    socketsSeen: () => seen,
    dropSockets: () => sockets().forEach(cut),
    muteSockets: () => {
      for (const wire of sockets()) wire.muted = true;
    },
    refuseSockets: (value) => {
      refused = value;
    },
    loseAnswerTo: (head) => {
      lost = head;
    },
    close: async () => {
      for (const wire of wires) cut(wire);
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
