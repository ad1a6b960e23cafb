"""What the name of a variable promises: gz, dz, d_z, grad_z, delta_z and z_grad are the gradient at z."""

import re

# of other languages, as people write them in ASCII, too
BACK = (
    r"arri[eè]re|r(?:ü|ue)ckw(?:ä|ae)rts|zur(?:ü|ue)ck|atr[aá]s|indietro|wstecz|zp[eě]t|tilbage|tilbake|bakover|bak[aå]t|"
    r"achterwaarts|taaksep[aä]in|[iî]napoi|h[aá]trafel[eé]|mundur|volta(?![a-z])|vuelta(?![a-z])|(?<![a-z])geri(?:ye)?(?![a-z])|obratn|nazad"
)
FORWARD = (
    r"avant|vorw(?:ä|ae)rts|adelante|avanti|naprz[oó]d|vp[rř]ed|fremad|fremover|fram[aå]t|voorwaarts|eteenp[aä]in|"
    r"[iî]nainte|el[oő]re|maju|(?<![a-z])ileri(?:ye)?(?![a-z])|vpered|pryam"
)
DERIVATIVE = r"ableitung|(?<=_)abl(?![a-z])|derivada?|derivat[aey]?|afgeleide|pochodna|t[uü]rev|turunan|afledt|proizvodn"
LOSS = (
    r"verlust|fehler|kosten|perte|erreur|co[uû]t|p[eé]rdida|perda|perdita|custo|verlies|strata(?![a-z])|koszt|ztr[aá]t|"
    r"poter(?:i|ya)(?![a-z])|потер|ошибк|oshibk|gubit(?:ak|ka)|tappio|k[oö]lts[eé]g|sonshitsu|sonsil|izgub|apoleia|"
    r"kay[iı]p|maliyet|f[oö]rlust|kostnad|pierder|kerugian|vesztes[eé]g|h[aä]vi[oö](?![a-z])|sunshi|daijia|损失|損失|"
    r"(?<![a-z])(?:fout|hata|zarar|kost|gre[sš]ka|napaka|b[lł][aą]d|chyb[ay]|fejl|feil|virhe|hiba|eroare|erro|galat)(?![a-z])"
)
STEP = (
    r"leer|lern|trainier|entren|trein|entra[iî]n|apren|apprend|addestr|e[gğ]it|[oö][gğ]ren|ucz|trenuj|tr[aä]na|"
    r"guncelle|g[uü]ncelle|actuali[sz]|atuali[sz]|aggiorn|mettre_a_jour|aktualis|uppdater|oppdater|opdater"
)

cache_named = re.compile(  # what forward keeps for backward
    r"^(cache|caches|ctx|context|tape|saved|memo|memory|mem|state|intermediates?|activations?|saves?)s?_?$"
)


def player(name):
    """0 for the discriminator or critic of a GAN, 1 for the generator; None where a name tells neither or both."""
    told = [i for i, who in enumerate(_players) if any(map(who.search, re.findall(r"\w+", name)))]
    return told[0] if len(told) == 1 else None


_players = (
    re.compile(r"(^|_)([dD]|[dD]is\w*|[cC]ritic\w*)(_|$|[A-Z])"),
    re.compile(r"(^|_)([gG]|[gG]en\w*)(_|$|[A-Z])"),
)


def last(name):
    """The last name in small letters: w in self.layer.W and in parameters["W"]; a value between has a ~."""
    return re.sub(r".*\[['\"]?(\w+)['\"]?\]", r"\1", name).rpartition(".")[2].strip("~").lower()


def promised(name):
    """The names of values whose gradient a name promises: gz -> z; dL_dz -> z; self.dW -> w; z_grad -> z.

    It is asked where a value of such a name stands in the program, and so takes more for a promise than `bases`, by
    which alone a name is taken for that of a gradient: zbar, and deltaz.
    """
    name, found = last(name), []
    for pattern in (r"(?:d[lje]_?d|grad_?|delta_?|d_?|g_?)(\w+)", r"(\w+?)_?(?:grad|bar|delta)"):
        match = re.fullmatch(pattern, name)
        if match:
            found.append(match[1].strip("_"))
    return found


def is_gradient_name(name):
    """Whether a name says that it holds a gradient: dW, gx, grad_out, delta, W_grad."""
    return bool(bases(name)) or name.lower() in _plain


_plain = (
    "g", "d", "grad", "grads", "gradient", "gradients", "delta", "error", "err", "upstream", "dout", "gout",
    "derivs",
)  # fmt: skip
_before = (
    r"^(?:d_|g_|grad_|grads_|gradient_|delta_|grad(?=[A-Z0-9]|[a-rt-z]\d*$)|delta(?=[A-Z0-9])|d(?!elta)(?=[A-Za-z])|"
    r"g(?!rad)(?=[A-Za-z])|nabla_)"
)
_after = r"(?:_grads?|_gradients?|_d|_g|_delta|Grads?|Gradients?|grads?|_bar|_derivative)$"


def bases(name):
    """The names whose gradient a name promises, in small letters: dW1 -> {w1}, weight_grad -> {weight}."""
    found = set()
    for expression in (_before, _after):
        rest = re.sub(expression, "", name)
        if rest not in (name, ""):
            found.add(rest.lower())
    match = re.match(r"^d[A-Za-z]\w*?_d(\w+)$|^d[A-Z]d([A-Za-z]\w*)$", name)  # dLoss_dW, dJdW
    if match:
        found.add((match.group(1) or match.group(2)).lower())
    return found
