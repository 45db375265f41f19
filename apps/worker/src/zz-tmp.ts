import { encode } from 'gpt-tokenizer';
for (const [n, t] of [['x1k','x'.repeat(1000)],['x10k','x'.repeat(10000)],['x50k','x'.repeat(50000)],['x100k','x'.repeat(100000)],['words1M','hello world '.repeat(90000)],['cn100k','你好世界'.repeat(25000)],['sp200k',' '.repeat(200000)],['nl','\n'.repeat(100000)]] as const){
const s=performance.now(); const l=encode(t).length; console.log(n,l,Math.round(performance.now()-s),'ms');
if (performance.now()-s>20000) break;
}
