/**
 * What the stand-in says to people who try the chat without an API key. Each answer is there to show, or to break,
 * something: Markdown, wide scripts, right-to-left text, letters made of several code points.
 */

/** One kind of answer. `chunkLength`: UTF-16 units per chunk, about one token of that script. */
export interface DemoAnswer {
  readonly name: string;
  readonly fits: (question: string) => boolean;
  readonly chunkLength: number;
  readonly text: (question: string) => string;
}

/** The first that fits answers; the last fits everything. A question in a script is answered in that script. */
export const demoAnswers: readonly DemoAnswer[] = [
  {
    name: 'chinese',
    fits: (question) => /\p{Script=Han}|\b(chinese|mandarin)\b/iu.test(question),
    chunkLength: 2,
    text: chinese,
  },
  {
    name: 'arabic',
    fits: (question) => /\p{Script=Arabic}|\barabic\b/iu.test(question),
    chunkLength: 4,
    text: arabic,
  },
  {
    name: 'letters',
    fits: (question) => /\p{Extended_Pictographic}|\b(emojis?|unicode|accents?)\b/iu.test(question),
    chunkLength: 3,
    text: letters,
  },
  {
    name: 'code',
    fits: (question) => /\b(code|typescript|javascript|function|program)\b/iu.test(question),
    chunkLength: 4,
    text: code,
  },
  {
    name: 'markdown',
    fits: (question) => /\b(markdown|tour|tables?|headings?|format(ting)?)\b/iu.test(question),
    chunkLength: 4,
    text: markdown,
  },
  { name: 'friendly', fits: () => true, chunkLength: 4, text: friendly },
];

/** The answer for this question. */
export function chooseDemoAnswer(question: string): DemoAnswer {
  const found = demoAnswers.find((answer) => answer.fits(question));
  if (!found) throw new Error('the last demo answer must fit every question');
  return found;
}

/** Enough to recognise one's question; a pasted book is not repeated. */
const quoteGraphemesMax = 200;

/** The question on one line and not too long, cut between letters as people see them. */
function quote(question: string): string {
  const letters = new Intl.Segmenter().segment(question.replace(/\s+/gu, ' ').trim())[Symbol.iterator]();
  let text = '';
  for (let count = 0; count < quoteGraphemesMax; count++) {
    const next = letters.next();
    if (next.done) return text;
    text += next.value.segment;
  }
  return `${text}…`;
}

function friendly(question: string): string {
  return `Hello! You asked:

> ${quote(question) || '(nothing at all, which is fine too)'}

I should say at once that I am **not** a real model. I am the stand-in that answers when no API key is set, so I cannot \
know much about your question. What I am good at is taking my time: this answer arrives word by word, as a real one \
does, and that makes it a good thing to attack. While I am still writing, please try some of these:

1. **Reload the page.** The words you have already seen come back at once, and the rest goes on where it was. Nothing \
is asked of me twice, because the answer is not made for your page. It is made for the conversation, and your page only \
reads along.
2. **Cut the network.** Switch your connection off for a while, or close the lid and walk away. When you are back, the \
page says which word it saw last and receives exactly what it missed: no gap, no word twice.
3. **Open a second window.** Both show the same answer at the same moment. Close one; the other does not care.
4. **Press stop.** I fall silent within a second, wherever the button was pressed, and what I wrote until then is kept.
5. **Kill the worker that is writing this.** Find its process and end it without mercy. After a few seconds another \
worker takes over, the half answer is cleared and a whole one follows. You will never see two answers mixed.
6. **Restart everything**, in the middle of a sentence. The question was stored before it was accepted, so it will be \
answered.

If you would rather look at something, ask me for a *tour of Markdown*, for some *TypeScript code*, for *emoji and \
accents*, or write to me in Chinese or Arabic (中文也可以, والعربية أيضًا). Long messages, several conversations at once \
and quick clicking on everything are welcome as well.

When you have seen enough of me, set \`OPENAI_API_KEY\` and start again; with \`OPENAI_BASE_URL\` any server that speaks \
the same language will do, one on your own machine included. Everything else stays as it is: I sit at the far end of \
the same path that a real answer takes.

That is all I have to say. Thank you for reading to the end, or for letting the page do it for you. 👋
`;
}

function markdown(question: string): string {
  return `# A tour of Markdown

You asked for it: *${quote(question)}*

## Text

Words can be **strong**, *stressed*, ***both***, ~~gone~~ or \`exact\`. A [link](https://example.com/ "An example") has \
a title, a line can be quoted:

> The sea does not wait for the slow.
>
> > Nor for those who quote it.

## Lists

- Ropes
  - hemp
  - nylon, which stretches
- Anchors
  1. fisherman
  2. plough
- [x] tied
- [ ] still loose

## A table

| Knot | Holds | Comes undone | Learned in |
| :--- | :---: | :---: | ---: |
| Bowline | ✅ | easily | 5 min |
| Clove hitch | mostly | easily | 2 min |
| Double fisherman | ✅ | never | 10 min |
| A \\| pipe | \`a \\| b\` | – | – |

## Code

\`\`\`ts
const knots: readonly string[] = ['bowline', 'hitch'];
for (const knot of knots) console.log(\`tie a \${knot}\`);
\`\`\`

\`\`\`diff
- let go
+ hold fast
\`\`\`

## The rest

A rule, an escaped \\*star\\*, an entity &copy; and HTML that must stay harmless: <b onclick="alert(1)">bold?</b>

---
`;
}

function code(question: string): string {
  return `Here is something for “${quote(question)}”: a retry with back-off that can be stopped.

\`\`\`ts
/** Calls \`work\` until it succeeds, at most \`attempts\` times. Throws its last error, or the signal's reason. */
export async function retry<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { attempts = 5, baseMs = 100, capMs = 5_000, signal = new AbortController().signal } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work(signal);
    } catch (error) {
      if (attempt >= attempts) throw error;
      // Full jitter: clients that failed together must not come back together.
      const delayMs = Math.random() * Math.min(capMs, baseMs * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}
\`\`\`

Three things are worth a look:

1. The **jitter** is the whole delay, not a little on top of it.
2. \`throwIfAborted()\` stands *inside* the loop, so that a stop counts between two attempts as well.
3. The last error is thrown as it is; nobody has to unwrap it.

It is used like this:

\`\`\`ts
const answer = await retry((signal) => fetch('https://example.com/', { signal }), { attempts: 3 });
\`\`\`
`;
}

function chinese(question: string): string {
  return `你好！你的问题是：

> ${quote(question)}

我不是真正的模型，只是在没有设置密钥时替它回答的“替身”。不过，你可以用我来测试这个系统：

1. **刷新页面**：已经看到的文字会立刻回来，后面的内容接着出现。
2. **断开网络**：恢复之后，一个字也不会少，一个字也不会重复。
3. **点击停止**：不管在哪个窗口点击，我都会在一秒之内停下来。
4. **结束正在写这段话的进程**：几秒之后，另一个进程会从头再写一遍。

| 汉字 | 拼音 | 意思 |
| --- | --- | --- |
| 绳子 | shéngzi | 用来系船 |
| 锚 | máo | 让船停住 |
| 𠮷 | jí | 一个由两个代码单元组成的字 |

标点符号也要正确显示：，。！？；：“”《》……——。全角字母：ＡＢＣ，日文：こんにちは，韩文：안녕하세요。

谢谢你读到这里。祝你一帆风顺！
`;
}

function arabic(question: string): string {
  return `مرحبًا! لقد كتبت:

> ${quote(question)}

لستُ نموذجًا حقيقيًا، بل بديلًا يجيب حين لا يوجد مفتاح. ومع ذلك يمكنك أن تجرّب هذا النظام:

1. **أعد تحميل الصفحة**: تعود الكلمات التي رأيتها فورًا، ثم يستمر الجواب.
2. **اقطع الشبكة**: حين تعود لن تنقص كلمة ولن تتكرر كلمة.
3. **اضغط على زر الإيقاف**: أصمت خلال ثانية واحدة.

يختلط الاتجاهان أحيانًا: العدد 1234، والكلمة Redis، والرمز \`run.id\`، والقوسان (هكذا). يجب أن يبقى كل شيء في مكانه.

شكرًا لأنك قرأت حتى النهاية!
`;
}

function letters(question: string): string {
  return `Letters that are more than one code point, for “${quote(question)}”:

- Families and flags: 👩‍👩‍👧‍👦 👨‍👩‍👧 🏳️‍🌈 🏴‍☠️ 🇩🇪 🇯🇵 🇧🇷
- Skin tones and jobs: 👋🏽 👍🏿 👩🏻‍🚀 🧑🏾‍🚒
- Accents added afterwards: e\u0301 a\u0308 n\u0303 o\u0302\u0323, and one letter under a tower of them: Z\u0351\u036b\u0343\u036a\u0302\u036b
- The same word twice, written differently: caf\u00e9 = cafe\u0301
- Astral letters: 𝒽ℴ𝓁𝒹𝒻𝒶𝓈𝓉 𐍈 𠮷
- Devanagari and Tamil clusters: क्षि नमस्ते நி வணக்கம்
- Keycaps and variation selectors: 1️⃣ #️⃣ ❤️ ❤︎

None of them may come apart, not even for a moment: 🧑‍💻🧑‍💻🧑‍💻 stays three people at work. 🎉
`;
}
