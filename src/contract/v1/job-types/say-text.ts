/** What the job types that say something of a picture have in common. */
import { FLAT_COSTS } from '../../../domain/cost.ts';
import type { PictureText } from '../../../domain/generation.ts';
import type { MediaSource } from '../../../domain/media-source.ts';
import type { AskedJob, MakeContext } from './job-type.ts';

interface NamedPicture {
  readonly source: MediaSource;
  /** Of the request. */
  readonly field: string;
}

/** One job about one picture. `asked`: what the request says besides the picture and the common fields. */
export const sayText = (
  { source, field }: NamedPicture,
  asked: Readonly<Record<string, unknown>>,
  generationOf: (image: MediaSource, context: MakeContext) => PictureText,
): Omit<AskedJob, 'type' | 'common'> => ({
  jobClass: 'image',
  count: 1,
  uses: [],
  media: [{ source, path: [field] }],
  make(_index, context) {
    const generation = generationOf(source, context);
    return {
      generation,
      ecosystem: 'vision',
      cost: FLAT_COSTS.pictureText,
      request: {
        $type: generation.operation,
        asked: { [field]: Object.values(source)[0] as string, ...asked },
      },
    };
  },
});
