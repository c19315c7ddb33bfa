import { listZip, readZip } from '../storage/zip-archive.ts';

/**
 * Bytes of one file in a zip archive, which is what Temporal publishes for Windows. Throws if the file is absent.
 */
export const readZipEntry = (zip: Buffer, name: string): Buffer => {
  const entry = listZip(zip).find((one) => one.name === name);
  if (!entry) throw new Error(`the archive holds no ${name}`);
  return readZip(zip, entry);
};
