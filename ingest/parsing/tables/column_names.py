"""Words that people use as names of columns, which are evidence that a row of words is a header."""

import re

_WORDS = frozenset(
    # A list of strings would be four times as long.
    """
    account action active activity actual address age agency agent airport alias amount answer area article asset
    assignee attribute author authority available average balance band bank barcode base begin benefit birthday
    block bonus book born branch brand budget building buyer candidate capacity capital cas category cause cell
    century channel chapter child city class client climate closed code color colour column comment comments
    company component condition contact contents continent contract cost count country county course created
    creator criteria currency customer data date day days deadline dealer default definition degree delivery department
    depth description destination detail details device diameter direction director discount distance district
    document
    domain dose driver due duration edition effect email employee employer end energy engine entity entry error
    estimate event example exchange expense expiry extension factor family fax feature fee field file filename flag
    flight floor format frequency function gender genre goal grade grams group guest head heading height holder
    host hour hours id identifier image impact income index indicator industry info inspector instrument interval
    invoice isbn isin issue item job key kind label language latitude lead leader legend length level limit line
    link load location lot machine maker manager manufacturer mark market mass material max maximum meaning measure
    measurement medium member message method metric min minimum minute mode model module month name nationality net
    no note notes notice number object occupation office operator opponent option order organisation organization
    origin outcome output owner page parameter parent part participant partner party path patient payment percent
    percentage period permission person phase phone photo place plan plant plate player policy population port
    position postcode power pressure price primary priority process product profession profile profit program
    project property provider province publisher purpose qty quality quantity quarter question race rank rate
    rating ratio reason receiver recipient record ref reference region registration remark remarks report request
    requirement resource response responsible result revenue revision risk role room route rule runtime salary
    sales sample scale schedule school score season seat second section sector segment seller sender sensor serial
    service session setting severity sex share shift shop short sign since site size sku source speaker species
    speed spend sport staff stage standard start state station status step stock store street student subject
    subtotal sum summary supervisor supplier supply surname symbol symptom system tag target task tax team
    technician tel telephone temperature term test text threshold ticket time timestamp title topic total town
    trainer transaction type unit units until updated uri url usage user username valid validity value variable vat
    vehicle vendor venue version vessel view visitor volume vote voltage wage warehouse warranty week weekday
    weight what when where who width winner worker year years yield zip zone abteilung adresse alter anfang
    anmerkung ansprechpartner anzahl art artikel artikelnummer aufgabe autor bedeutung beginn bemerkung benutzer
    bereich beruf beschreibung bestand betrag bezeichnung datum dauer einheit einwohner ende ergebnis farbe firma
    funktion gebühr geburtsdatum gerät gewicht größe gruppe gültig hersteller höhe kategorie klasse kommentar konto
    kosten kunde kundennummer kürzel land lager länge leiter leistung lieferant menge merkmal mitarbeiter monat
    nachname nr nummer ort plz preis produkt projekt raum rolle schlüssel sprache stadt standort strasse straße
    stufe stunden stück summe telefon termin thema titel typ uhrzeit umsatz verantwortlich vorname währung wert
    zahl zeit zeitraum ziel zimmer zustand zuständig année auteur catégorie commentaire coût couleur désignation
    durée début effectif fonction fournisseur heure jour langue libellé lieu mois montant nom nombre numéro pays
    poids poste prénom prix produit quantité rang remarque responsable référence région salaire sexe statut taille
    taux téléphone unité valeur ville apellido apellidos año cantidad cargo categoría ciudad cliente código correo
    coste costo departamento descripción dirección edad estado fecha hora idioma importe marca mes moneda número
    país peso población precio producto proveedor provincia puesto región tamaño teléfono tipo título unidad valor
    anno città codice cognome colore descrizione durata età indirizzo importo luogo mese nome numero paese prezzo
    prodotto quantità ruolo stato telefono titolo valore ano bairro cidade descrição endereço idade mês preço
    produto quantidade telefone aantal achternaam adres afdeling bedrag eenheid jaar kleur leeftijd maand naam
    omschrijving plaats prijs stad straat telefoon voornaam waarde cena ilość imię jednostka kod kraj kwota miasto
    miesiąc nazwa nazwisko numer opis rok stan ulica uwagi wartość adet birim fiyat isim miktar numara sıra soyad
    şehir tarih tutar ülke yıl адрес имя фамилия город дата цена количество номер название описание страна год
    сумма телефон 名称 名字 姓名 日期 时间 价格 单价 数量 编号 序号 地址 电话 备注 部门 城市 国家 类型 类别 状态
    单位 金额 年龄 性别 职位 产品 名前 氏名 日付 価格 単価 番号 住所 備考 部署 都市 国 種類 種別 状態 単位 金額
    年齢 性別 役職 商品 製品 説明 이름 날짜 가격 수량 번호 주소 전화 비고 부서 도시 국가 유형 상태 단위 금액
    """.split()  # noqa: SIM905, RUF001
)
_MAX_CHARACTERS = 60
_WORD = re.compile(r"[^\W\d_]+")
_IN_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
# Programs name columns like variables.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_column_name(text: str) -> bool:
    """Return True if the first or last word is a usual name of a column, or the text is a variable's name."""
    if len(text) > _MAX_CHARACTERS or "@" in text:
        return False
    if _IDENTIFIER.fullmatch(text):
        return True
    words = _WORD.findall(_CAMEL.sub(" ", _IN_BRACKETS.sub("", text)).lower())
    return len(words) <= 5 and any(
        word in _WORDS or word.removesuffix("s") in _WORDS for word in words[:1] + words[-1:]
    )
