/** Letters of other scripts in Latin ones, sign by sign: enough to recognise a prompt, no linguistics. */

const pairs = (from: string, to: string): [string, string][] => {
  const spelled = to.split(' ');
  return [...from].map((sign, index) => [sign, spelled[index] ?? '']);
};

/** One spelling per sign; `_` stands for none. */
const LETTERS: ReadonlyMap<string, string> = new Map(
  [
    // Latin letters that do not come apart into a base and an accent, and signs of typesetting.
    ...pairs('ßæøłđþðœıŋħƒ', 'ss ae o l d th d oe i ng h f'),
    ...pairs(
      '–—−‘’‚“”„«»‹›•·×÷€£¥©®°',
      `- - - ' ' ' " " " " " ' ' * . x / EUR GBP JPY (c) (r) deg`,
    ),
    ...pairs(
      'абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћђџ',
      'a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya i yi ye g u j lj nj c dj dz',
    ),
    ...pairs('αβγδεζηθικλμνξοπρσςτυφχψω', 'a v g d e z i th i k l m n x o p r s s t y f ch ps o'),
    ...pairs(
      'אבגדהוזחטיכךלמםנןסעפףצץקרשת',
      "a b g d h v z kh t y k k l m m n n s ' p p ts ts k r sh t",
    ),
    ...pairs(
      'ابتثجحخدذرزسشصضطظعغفقكلمنهويءأإآؤئىةپچژگکی',
      "a b t th j h kh d dh r z s sh s d t z ' gh f q k l m n h w y ' a i a ' ' a a p ch zh g k y",
    ),
    ...pairs('٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹', '0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9'),
    ...pairs('،؛؟。、・「」『』〜ー', `, ; ? . , - " " " " ~ -`),
    ...pairs(
      'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをん',
      'a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo ya yu yo ra ri ru re ro wa i e o n',
    ),
    ...pairs(
      'がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽぁぃぅぇぉゃゅょっゔ',
      'ga gi gu ge go za ji zu ze zo da ji zu de do ba bi bu be bo pa pi pu pe po a i u e o ya yu yo t vu',
    ),
  ].map(([sign, spelled]) => [sign, spelled === '_' ? '' : spelled]),
);

const HANGUL = 0xac00;
const INITIALS = 'g kk n d tt r m b pp s ss _ j jj ch k t p h'.split(' ');
const VOWELS = 'a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i'.split(' ');
const FINALS = '_ k k k n n n t l k m l l l p l m p p t t ng t t k t p t'.split(' ');

const hangul = (code: number): string | undefined => {
  const index = code - HANGUL;
  if (index < 0 || index >= 11_172) return undefined;
  const parts = [
    INITIALS[Math.floor(index / 588)],
    VOWELS[Math.floor((index % 588) / 28)],
    FINALS[index % 28],
  ];
  return parts.map((part) => (part === '_' ? '' : part)).join('');
};

/** Katakana stand 96 places behind hiragana. */
const toHiragana = (sign: string): string => {
  const code = sign.charCodeAt(0);
  return code >= 0x30a1 && code <= 0x30f6 ? String.fromCharCode(code - 96) : sign;
};

/** Latin letters for one sign; undefined when there are none. */
export const romanize = (sign: string): string | undefined => {
  const small = sign.toLowerCase();
  const spelled = LETTERS.get(toHiragana(small)) ?? hangul(sign.charCodeAt(0));
  if (spelled === undefined || small === sign) return spelled;
  return spelled.slice(0, 1).toUpperCase() + spelled.slice(1);
};
