/** Input files as v1 names them: a URL or the key of a stored file. */
import { z } from '@hono/zod-openapi';
import type { MediaSource } from '../../../domain/media-source.ts';

const MAX_URL_LENGTH = 2_048;

const mediaUrl = z
  .url({ protocol: /^https?$/, error: () => 'expected an http or https URL' })
  .max(MAX_URL_LENGTH)
  .nullish()
  .openapi({
    description:
      'Fetched once, when the job has a server: no redirects, no private addresses, at most MAX_INPUT_BYTES',
    example: 'https://example.org/pose.png',
  });

const blobKey = z
  .string()
  .min(1)
  .max(200)
  .nullish()
  .openapi({ description: 'A stored file of yours, such as the result of another job' });

/** To be spread into a schema that `hasOneSource` refines. */
export const mediaSourceFields = { imageUrl: mediaUrl, blobKey };

/** The same for job types whose field is called `mediaUrl`, and `hasOneMedia`. */
export const mediaFields = { mediaUrl, blobKey };

export interface MediaFields {
  readonly imageUrl?: string | null | undefined;
  readonly blobKey?: string | null | undefined;
}

/** Exactly one of the two is there. */
export const hasOneSource = ({ imageUrl, blobKey }: MediaFields): boolean =>
  typeof imageUrl === 'string' ? typeof blobKey !== 'string' : typeof blobKey === 'string';

export const ONE_SOURCE = 'expected either imageUrl or blobKey';

/** The source of fields that `hasOneSource` accepted, and the field that names it. */
export const mediaSourceOf = ({
  imageUrl,
  blobKey,
}: MediaFields): { readonly source: MediaSource; readonly field: string } =>
  typeof imageUrl === 'string'
    ? { source: { url: imageUrl }, field: 'imageUrl' }
    : { source: { blobKey: blobKey ?? '' }, field: 'blobKey' };

type NamedMedia = Omit<MediaFields, 'imageUrl'> & { readonly mediaUrl?: string | null | undefined };

export const hasOneMedia = ({ mediaUrl: imageUrl, blobKey: key }: NamedMedia): boolean =>
  hasOneSource({ imageUrl, blobKey: key });

export const ONE_MEDIA = 'expected either mediaUrl or blobKey';

/** As `mediaSourceOf`, of fields that `hasOneMedia` accepted. */
export const namedMediaOf = ({ mediaUrl: imageUrl, blobKey: key }: NamedMedia) => {
  const { source, field } = mediaSourceOf({ imageUrl, blobKey: key });
  return { source, field: field === 'imageUrl' ? 'mediaUrl' : field };
};
