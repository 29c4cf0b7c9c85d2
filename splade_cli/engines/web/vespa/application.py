"""A Vespa application package: services and schemas, as texts by their path in the package."""

from __future__ import annotations

from splade_cli.engines.web.fields import FLAGS, NUMBERS, NUMERALS, SPELLED, TEXTS
from splade_cli.engines.web.vespa.bodies import FACTS_KIND, KIND

TYPES = {NUMBERS: "double", FLAGS: "int", TEXTS: "string", NUMERALS: "string", SPELLED: "double"}


def application() -> dict[str, str]:
    """The files of a package with one container and one content cluster on one node."""
    return {
        "services.xml": SERVICES,
        "search/query-profiles/default.xml": PROFILE,
        f"schemas/{KIND}.sd": chunk_schema(),
        f"schemas/{FACTS_KIND}.sd": FACTS_SCHEMA,
    }


def chunk_schema() -> str:
    """The schema of a stored text."""
    structs = []
    fields = []
    for kind, type_name in TYPES.items():
        structs.append(STRUCT % {"kind": kind, "type": type_name})
        fields.append(PAIRS % {"kind": kind})
    return CHUNK % {"kind": KIND, "structs": "".join(structs), "fields": "".join(fields)}


STRUCT = """\
        struct %(kind)s_pair {
            field name type string {}
            field value type %(type)s {}
        }
"""
PAIRS = """\
        field %(kind)s type array<%(kind)s_pair> {
            struct-field name {
                indexing: attribute
                attribute: fast-search
            }
            struct-field value {
                indexing: attribute
                attribute: fast-search
            }
        }
"""
CHUNK = """\
schema %(kind)s {
    document %(kind)s {
%(structs)s        field chunk_id type string {
            indexing: summary | attribute
        }
        field document_id type string {
            indexing: summary | attribute
            attribute: fast-search
        }
        field title type string {
            indexing: summary | index
            index: enable-bm25
        }
        field headings type array<string> {
            indexing: summary
        }
        field text type string {
            indexing: summary | index
            index: enable-bm25
        }
        field start type long {
            indexing: summary
        }
        field end type long {
            indexing: summary
        }
        field metadata type string {
            indexing: summary
        }
        field position type long {
            indexing: summary | attribute
        }
        field digest type string {
            indexing: summary | attribute
        }
        field weights type tensor<float>(t{}) {
            indexing: attribute
        }
        field terms type weightedset<string> {
            indexing: attribute
            attribute: fast-search
            match: cased
        }
%(fields)s    }
    rank-profile splade {
        inputs {
            query(q) tensor<float>(t{})
        }
        first-phase {
            expression: sum(query(q) * attribute(weights))
        }
    }
}
"""
FACTS_SCHEMA = """\
schema facts {
    document facts {
        field content type string {
            indexing: summary
        }
    }
}
"""
PROFILE = """\
<query-profile id="default">
    <field name="maxHits">10000</field>
    <field name="maxOffset">10000</field>
</query-profile>
"""
SERVICES = """\
<?xml version="1.0" encoding="utf-8" ?>
<services version="1.0">
    <container id="default" version="1.0">
        <document-api/>
        <search/>
        <nodes>
            <node hostalias="node1"/>
        </nodes>
    </container>
    <content id="splade" version="1.0">
        <min-redundancy>1</min-redundancy>
        <documents>
            <document type="chunk" mode="index"/>
            <document type="facts" mode="index"/>
        </documents>
        <nodes>
            <node hostalias="node1" distribution-key="0"/>
        </nodes>
    </content>
</services>
"""
