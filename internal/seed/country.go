package seed

// A country is what an account takes its looks from.
type country struct {
	code, language, zone string
	currency             *currency
	dial                 string
	taxes                []tax // on sales within the country
	taxInclusive         bool
	cities               []city
	streets              []string
	given, family        []string
	heads, tails, forms  []string // of company names
}

// A city gives addresses; # in its patterns is any digit.
type city struct{ name, state, zip, area string }

// A tax is a name and a rate in hundredths of a per cent.
type tax struct {
	name string
	rate int64
}

// A currency has the decimals that prices are set in, and its worth in US
// dollars × 10¹².
type currency struct {
	code     string
	decimals int
	dollars  int64
}

var (
	usd = &currency{"USD", 2, 1_000_000_000_000}
	eur = &currency{"EUR", 2, 1_083_400_000_000}
	gbp = &currency{"GBP", 2, 1_268_900_000_000}
	jpy = &currency{"JPY", 0, 6_710_000_000}
	pln = &currency{"PLN", 2, 251_300_000_000}
	brl = &currency{"BRL", 2, 181_700_000_000}
	sek = &currency{"SEK", 2, 95_400_000_000}
	cop = &currency{"COP", 2, 243_000_000}
)

// exchangeRate returns what one unit of from is worth in units of to during a
// calendar month. Rates wander by up to 3 % around the currencies' worth.
func exchangeRate(from, to *currency, month int) money {
	worth := func(c *currency) int64 {
		if c == usd {
			return c.dollars
		}
		wander := int64(roll(int64(month), c.dollars).between(-300, 300))
		return int64(money(c.dollars).share(10_000+wander, 10_000))
	}
	return unit.share(worth(from), worth(to))
}

var countries = []*country{
	{
		code: "US", language: "en", zone: "America/New_York", currency: usd, dial: "1",
		taxes: []tax{{"State sales tax", 625}, {"County sales tax", 100}},
		cities: []city{
			{"Boston", "MA", "021##", "617"}, {"Newark", "NJ", "071##", "973"}, {"Springfield", "MO", "658##", "417"},
			{"Beaumont", "TX", "777##", "409"}, {"Portland", "OR", "972##", "503"}, {"San Juan", "PR", "009##", "787"},
		},
		streets: []string{"### Main Street", "#### Elm Avenue", "1## Market Street", "2### W 4th Street"},
		given:   []string{"John", "Mary", "Richard", "Patricia", "Luis", "Linda", "James", "Aisha", "Robert", "Grace", "William", "Dawn"},
		family:  []string{"Smith", "Johnson", "Douglas", "O'Connor", "Garcia", "Miller", "Davis", "Washington", "Nguyen", "Taylor", "McKenzie", "Clark"},
		heads:   []string{"Blue Ridge", "Pioneer", "Lakeside", "Summit", "Harbor", "Redwood", "Prairie", "Granite", "Liberty", "Old Mill"},
		tails:   []string{"Dental", "Logistics", "Bakery", "Realty", "Consulting", "Manufacturing", "Law Group", "Outfitters", "Credit Union", "Health"},
		forms:   []string{", Inc.", " LLC", " Corp.", ", Ltd.", ""},
	},
	{
		code: "DE", language: "de", zone: "Europe/Berlin", currency: eur, dial: "49",
		taxes: []tax{{"Umsatzsteuer", 1900}},
		cities: []city{
			{"Berlin", "BE", "10###", "030"}, {"Leipzig", "SN", "04###", "0341"}, {"München", "BY", "80###", "089"},
			{"Köln", "NW", "50###", "0221"}, {"Dresden", "SN", "01###", "0351"}, {"Weißenfels", "ST", "06667", "03443"},
		},
		streets: []string{"Hauptstraße ##", "Bahnhofstr. 1#", "Königsallee ##", "Am Alten Markt #"},
		given:   []string{"Jürgen", "Anna", "Lukas", "Sabine", "Björn", "Käthe", "Max", "Ulrike", "Stefan", "Zoë", "Dieter", "Heike"},
		family:  []string{"Müller", "Schmidt", "Groß", "Weiß", "Schäfer", "Krüger", "von der Heide", "Jäger", "Köhler", "Lange", "Özdemir", "Fuchs"},
		heads:   []string{"Nord", "Süd", "Rhein", "Alpen", "Hanse", "Elb", "Schwarzwald", "Main", "Havel", "Brücken"},
		tails:   []string{"werk", "technik", "handel", "bau", "druck", "logistik", "medien", "energie", "möbel", "apotheke"},
		forms:   []string{" GmbH", " AG", " GmbH & Co. KG", " e.K.", " UG (haftungsbeschränkt)"},
	},
	{
		code: "GB", language: "en", zone: "Europe/London", currency: gbp, dial: "44",
		taxes: []tax{{"VAT", 2000}},
		cities: []city{
			{"London", "", "SW1A #AA", "020"}, {"Leeds", "West Yorkshire", "LS1 #BR", "0113"}, {"Bristol", "", "BS8 #QT", "0117"},
			{"Edinburgh", "Midlothian", "EH1 #YZ", "0131"}, {"Cardiff", "", "CF10 #EP", "029"},
		},
		streets: []string{"## High Street", "# Church Lane", "1## King's Road", "Unit #, Mill Court"},
		given:   []string{"Oliver", "Amelia", "George", "Isla", "Siân", "Harry", "Priya", "Angus", "Niamh", "Charlotte"},
		family:  []string{"Jones", "Taylor", "O'Brien", "Brown", "Patel", "Davies", "MacLeod", "Wright", "Smythe-Jones", "Hughes"},
		heads:   []string{"Albion", "Thames", "Crown", "Highland", "Oak & Ivy", "Severn", "Kingsway", "Beacon", "Fenwick"},
		tails:   []string{"Surveyors", "Brewery", "Publishing", "Textiles", "Partners", "Motors", "Tea Rooms", "Surgery", "Joinery"},
		forms:   []string{" Ltd", " plc", " LLP", " & Sons, Ltd", ""},
	},
	{
		code: "FR", language: "fr", zone: "Europe/Paris", currency: eur, dial: "33",
		taxes: []tax{{"TVA", 2000}},
		cities: []city{
			{"Paris", "Île-de-France", "750##", "01"}, {"Nice", "Provence-Alpes-Côte d'Azur", "06###", "04"},
			{"Saint-Étienne", "Auvergne-Rhône-Alpes", "42###", "04"}, {"Besançon", "Bourgogne-Franche-Comté", "25000", "03"},
		},
		streets: []string{"##, rue de l'Église", "#, place du Marché", "1##, avenue Foch", "## bis, quai Voltaire"},
		given:   []string{"François", "Élodie", "Jean-Luc", "Hélène", "Noël", "Chloé", "Maël", "Inès", "Gaëlle", "Rémi"},
		family:  []string{"Dupont", "Lefèvre", "d'Aubigné", "Moreau", "Garçon", "Faÿ", "L'Hôpital", "Bernard", "Benoît", "Petit"},
		heads:   []string{"Atelier", "Maison", "Société Générale de", "Établissements", "Cabinet", "Les Fils de", "Pharmacie"},
		tails:   []string{" Lumière", " Beaumont", " l'Étoile", " Océan", " du Château", " Garonne", " Cœur de Ville"},
		forms:   []string{" SARL", " SA", " SAS", " & Cie"},
	},
	{
		code: "PL", language: "pl", zone: "Europe/Warsaw", currency: pln, dial: "48",
		taxes: []tax{{"VAT", 2300}},
		cities: []city{
			{"Warszawa", "mazowieckie", "00-###", "22"}, {"Łódź", "łódzkie", "90-###", "42"},
			{"Kraków", "małopolskie", "30-###", "12"}, {"Gdańsk", "pomorskie", "80-###", "58"},
		},
		streets: []string{"ul. Świętokrzyska ##", "al. Jerozolimskie 1##", "ul. Długa #/#", "pl. Wolności #"},
		given:   []string{"Łukasz", "Agnieszka", "Paweł", "Żaneta", "Michał", "Grażyna", "Stanisław", "Zofia", "Wojciech"},
		family:  []string{"Wiśniewski", "Kowalczyk", "Dąbrowska", "Zając", "Szczęsny", "Wójcik", "Jabłońska", "Gołąb", "Nowak"},
		heads:   []string{"Pol", "Wisła", "Bałtyk", "Mazur", "Śląsk", "Tatry", "Żubr", "Inter"},
		tails:   []string{"trans", "stal", "druk", "-Meble", "bud", "soft", "-Żywność", "tex"},
		forms:   []string{" Sp. z o.o.", " S.A.", " s.c.", " Sp. j."},
	},
	{
		code: "BR", language: "pt", zone: "America/Sao_Paulo", currency: brl, dial: "55",
		taxes: []tax{{"ISS", 500}}, taxInclusive: true,
		cities: []city{
			{"São Paulo", "SP", "01###-###", "11"}, {"Belém", "PA", "66###-###", "91"},
			{"Florianópolis", "SC", "88###-###", "48"}, {"Brasília", "DF", "70###-###", "61"},
		},
		streets: []string{"Rua São Bento, ##", "Av. Paulista, 1###", "Travessa da Conceição, #", "Praça XV, ##"},
		given:   []string{"João", "Conceição", "Antônio", "Luíza", "José", "Márcia", "Caetano", "Patrícia", "Flávio"},
		family:  []string{"da Silva", "Araújo", "Gonçalves", "dos Santos", "Magalhães", "Conceição", "Brandão", "Souza"},
		heads:   []string{"Grupo", "Padaria", "Casa", "Indústria", "Clínica", "Comércio", "Transportes"},
		tails:   []string{" São João", " Ipê", " Bom Jesus", " Amazônia", " Três Irmãos", " Pão de Açúcar", " Iguaçu"},
		forms:   []string{" Ltda.", " S.A.", " ME", " Eireli"},
	},
	{
		code: "JP", language: "ja", zone: "Asia/Tokyo", currency: jpy, dial: "81",
		taxes: []tax{{"消費税", 1000}}, taxInclusive: true,
		cities: []city{
			{"千代田区", "東京都", "100-00##", "03"}, {"大阪市北区", "大阪府", "530-00##", "06"},
			{"札幌市中央区", "北海道", "060-00##", "011"}, {"福岡市博多区", "福岡県", "812-00##", "092"},
		},
		streets: []string{"丸の内#-#-#", "梅田#丁目##番", "大通西#丁目", "本町#-##"},
		given:   []string{"太郎", "花子", "健", "さくら", "翔太", "陽子", "直樹", "美咲"},
		family:  []string{"佐藤", "鈴木", "高橋", "田中", "渡辺", "伊藤", "山本", "中村"},
		heads:   []string{"東京", "富士", "桜", "日本", "大和", "北海", "みらい", "さくら"},
		tails:   []string{"商事", "システムズ", "製作所", "物流", "印刷", "食品", "クリニック"},
		forms:   []string{"株式会社", "有限会社", "合同会社"},
	},
	{
		code: "ES", language: "es", zone: "Europe/Madrid", currency: eur, dial: "34",
		taxes: []tax{{"IVA", 2100}},
		cities: []city{
			{"Madrid", "Madrid", "280##", "91"}, {"Barcelona", "Barcelona", "080##", "93"},
			{"A Coruña", "A Coruña", "150##", "981"}, {"Logroño", "La Rioja", "260##", "941"},
		},
		streets: []string{"C/ Mayor, ##", "Avda. de la Constitución, 1#", "Plaza de España, #", "Pº de Gràcia, 1##"},
		given:   []string{"José María", "Begoña", "Íñigo", "Lucía", "Àngel", "Nuria", "Andrés", "Mª Carmen"},
		family:  []string{"García Márquez", "Núñez", "López", "Ibáñez", "Puig i Font", "Muñoz", "Peña", "Ordóñez"},
		heads:   []string{"Construcciones", "Bodegas", "Talleres", "Grupo", "Asesoría", "Librería", "Ferretería"},
		tails:   []string{" Núñez", " del Sur", " Peñalara", " La Española", " Gran Vía", " Castañeda", " El Águila"},
		forms:   []string{", S.L.", ", S.A.", " S.L.U.", ""},
	},
	{
		code: "SE", language: "sv", zone: "Europe/Stockholm", currency: sek, dial: "46",
		taxes: []tax{{"Moms", 2500}},
		cities: []city{
			{"Stockholm", "", "111 ##", "08"}, {"Göteborg", "", "411 ##", "031"}, {"Malmö", "", "211 ##", "040"}, {"Luleå", "", "972 ##", "0920"},
		},
		streets: []string{"Storgatan ##", "Östra Hamngatan #", "Kungsgatan 1#", "Södra Vägen ##"},
		given:   []string{"Åsa", "Björn", "Göran", "Linnéa", "Örjan", "Märta", "Sven", "Åke"},
		family:  []string{"Åkesson", "Lindström", "Sjögren", "Öberg", "Nyström", "Hägg", "Svensson", "Nordin"},
		heads:   []string{"Norr", "Skärgårds", "Väst", "Ljus", "Granit", "Älv", "Måne"},
		tails:   []string{"bygg", "kraft", "bröd", "skog", "data", "möbler", "järn"},
		forms:   []string{" AB", " HB", " AB (publ)", " Ekonomisk förening"},
	},
	{
		code: "CO", language: "es", zone: "America/Bogota", currency: cop, dial: "57",
		taxes: []tax{{"IVA", 1900}},
		cities: []city{
			{"Bogotá, D.C.", "Cundinamarca", "110###", "601"}, {"Medellín", "Antioquia", "0500##", "604"}, {"Santa Marta", "Magdalena", "4700##", "605"},
		},
		streets: []string{"Cra. 7 No. 1#-##", "Calle 100 No. #-##", "Av. El Dorado No. ##-##"},
		given:   []string{"Camila", "Andrés Felipe", "Ximena", "Julián", "Sofía", "Óscar"},
		family:  []string{"Rodríguez", "Gómez", "Muñoz", "Peña", "Ríos", "Ñáñez"},
		heads:   []string{"Café", "Flores", "Inversiones", "Minera", "Distribuidora"},
		tails:   []string{" de los Andes", " El Dorado", " Bogotá", " del Caribe", " Quindío"},
		forms:   []string{" S.A.S.", " Ltda.", " S.A."},
	},
}

// oddNames are what account names look like in a real database now and then:
// quotes, commas and line breaks, and texts that a spreadsheet takes for
// formulas, numbers or dates.
var oddNames = []string{
	`=Equals Design Studio`,
	`"Zum Goldenen Hirsch" Gastronomie GmbH`,
	"Kancelaria Prawna\nWiśniewski i Wspólnicy",
	`+Plus Energy, S.L.`,
	`Smith, Jones & Sons, Inc.`,
	`007 Locksmiths`,
	`O'Brien "The Shop", Ltd`,
	`-40° Kühlhaus GmbH`,
	"Padaria Bom Jesus\r\nFilial Centro",
	`@Work Coworking`,
	`1E5 Running Club`,
	`Null Media`,
	`null`,
	`Café ☕ Central 🇫🇷`,
	`3/4 Takt Musikschule`,
	`مكتبة النور`,
	` Leading Blank Ltd`,
	`TRUE North Fitness`,
	`=2+5 Architekten`,
	"Grid\tForms LLC",
	`<b>Bold</b> & Partners`,
	`C:\Temp Staffing; Agency`,
	`Ёлка и Ко`,
	`012 345 Moving`,
}
