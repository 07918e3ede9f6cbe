/* What Parley says by itself when a flow says nothing else. A new language is one more row. */
#include "flow/text_internal.h"

#include "base/banned.h"

struct say_words {
    const char *language;
    const char *months;     /* in order, with spaces between */
    const char *day, *year; /* what stands behind the day and before the year */
    const char *word[WORD_COUNT];
};

static const struct say_words all_words[] = {
    {"en",
     "January February March April May June July August September October November December",
     " ",
     " ",
     {"Sorry, I did not understand that. Could you say it another way?", "Did you mean one of these?",
      "Please type your answer.", "That does not look like an e-mail address. It should look like name@example.com.",
      "Please answer with a number.", "I could not read that date. Please write it like 2026-03-31.",
      "That does not look like a phone number. Please include the area code.", "Please choose one of the options.",
      "That does not look right. Please check it and try again."}},
    {"es",
     "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
     " de ",
     " de ",
     {"Lo siento, no lo he entendido. ¿Puede decirlo de otra manera?", "¿Se refiere a alguna de estas preguntas?",
      "Por favor, escriba su respuesta.", "Eso no parece una dirección de correo. Debería ser como nombre@example.com.",
      "Por favor, responda con un número.", "No he podido leer esa fecha. Escríbala así: 2026-03-31.",
      "Eso no parece un número de teléfono. Incluya el prefijo, por favor.", "Por favor, elija una de las opciones.",
      "Eso no parece correcto. Revíselo e inténtelo de nuevo."}},
    {"de",
     "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
     ". ",
     " ",
     {"Das habe ich leider nicht verstanden. Können Sie es anders sagen?", "Meinten Sie eine dieser Fragen?",
      "Bitte schreiben Sie Ihre Antwort.",
      "Das sieht nicht nach einer E-Mail-Adresse aus. Sie sollte wie name@example.com aussehen.",
      "Bitte antworten Sie mit einer Zahl.",
      "Dieses Datum konnte ich nicht lesen. Bitte schreiben Sie es so: 2026-03-31.",
      "Das sieht nicht nach einer Telefonnummer aus. Bitte mit Vorwahl angeben.",
      "Bitte wählen Sie eine der Möglichkeiten.",
      "Das scheint nicht zu stimmen. Bitte prüfen Sie es und versuchen Sie es noch einmal."}},
    {"fr",
     "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
     " ",
     " ",
     {"Désolé, je n’ai pas compris. Pouvez-vous le dire autrement ?", "Vouliez-vous dire une de ces questions ?",
      "Veuillez écrire votre réponse.",
      "Cela ne ressemble pas à une adresse e-mail. Elle devrait être comme nom@example.com.",
      "Veuillez répondre par un nombre.", "Je n’ai pas pu lire cette date. Veuillez l’écrire ainsi : 2026-03-31.",
      "Cela ne ressemble pas à un numéro de téléphone. Veuillez inclure l’indicatif.",
      "Veuillez choisir une des options.", "Cela ne semble pas correct. Veuillez vérifier et réessayer."}},
    {"pt",
     "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
     " de ",
     " de ",
     {"Desculpe, não entendi. Pode dizer de outra forma?", "Quis dizer uma destas perguntas?",
      "Por favor, escreva a sua resposta.", "Isso não parece um endereço de e-mail. Deve ser como nome@example.com.",
      "Por favor, responda com um número.", "Não consegui ler essa data. Escreva-a assim: 2026-03-31.",
      "Isso não parece um número de telefone. Inclua o indicativo, por favor.", "Por favor, escolha uma das opções.",
      "Isso não parece correto. Verifique e tente novamente."}},
    {"it",
     "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
     " ",
     " ",
     {"Mi dispiace, non ho capito. Può dirlo in un altro modo?", "Intendeva una di queste domande?",
      "Per favore, scriva la sua risposta.", "Non sembra un indirizzo e-mail. Dovrebbe essere come nome@example.com.",
      "Per favore, risponda con un numero.", "Non sono riuscito a leggere questa data. La scriva così: 2026-03-31.",
      "Non sembra un numero di telefono. Includa il prefisso, per favore.", "Per favore, scelga una delle opzioni.",
      "Non sembra corretto. Controlli e riprovi."}},
};

static const struct say_words *say_words_of(struct str language)
{
    ptrdiff_t dash = str_find(language, '-');
    if (dash >= 0)
        language.n = (size_t)dash;
    for (size_t i = 0; i < COUNT_OF(all_words); i++)
        if (str_ieq(language, str_from(all_words[i].language)))
            return &all_words[i];
    return NULL;
}

struct str word_get(enum say_word w, struct str language)
{
    const struct say_words *own = say_words_of(language);
    return str_from((own ? own : &all_words[0])->word[w]);
}

void day_show(struct buf *out, struct str iso, struct str language)
{
    const struct say_words *own = say_words_of(language);
    struct str names = str_from(own ? own->months : ""), name = STR_EMPTY;
    int month = iso.n == 10 ? (iso.p[5] - '0') * 10 + iso.p[6] - '0' : 0;
    for (int i = 0; i < month; i++)
        str_split(&names, ' ', &name);
    if (!own || name.n == 0) {
        buf_str_add(out, iso);
        return;
    }
    struct str day = str_sub(iso, iso.p[8] == '0' ? 9 : 8, 2), year = str_sub(iso, 0, 4);
    while (year.n > 1 && year.p[0] == '0')
        year = str_sub(year, 1, year.n);
    buf_str_add(out, day);
    buf_puts(out, own->day);
    buf_str_add(out, name);
    buf_puts(out, own->year);
    buf_str_add(out, year);
}
