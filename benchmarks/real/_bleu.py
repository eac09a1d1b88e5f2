import sacrebleu
def bleu(references, found):
    n=max(map(len,references)); cols=[[r[k] if k<len(r) else None for r in references] for k in range(n)]
    return round(sacrebleu.corpus_bleu(found, cols).score/100,4)
